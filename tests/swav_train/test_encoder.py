import numpy as np
import pytest
import torch
from conftest import noise_images
from test_model import TINY

from swav_train.files import remove_partials, replacing
from swav_train.networks.encoder import describe, fit_whitening, load_encoder, save_encoder
from swav_train.networks.swav_model import SwavModel


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    model = SwavModel(TINY)
    whitening = fit_whitening(_features(model), max_dim=12, power=0.3)
    save_encoder(tmp_path, model, whitening, {"config": TINY.to_dict()})
    return tmp_path


def _features(model):
    with torch.no_grad():
        return describe(model.eval().backbone, torch.randn(50, 3, 16, 16), n_stages=3)[0]


def test_whitened_features_have_no_mean_and_equal_spread():
    generator = torch.Generator().manual_seed(0)
    features = (
        torch.randn(4000, 6, generator=generator) @ torch.randn(6, 6, generator=generator) + 3
    )
    whitening = fit_whitening([features], max_dim=6, power=0.5, shrinkage=1e-6)
    white = (features - whitening.mean) @ whitening.matrix
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(6), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(white.t()), torch.eye(6), atol=1e-2, rtol=0)


def test_a_part_counts_as_much_as_a_larger_one():
    generator = torch.Generator().manual_seed(0)
    small = torch.randn(4000, 2, generator=generator)
    large = 100 * torch.randn(4000, 50, generator=generator)
    white = fit_whitening([small, large], max_dim=52, power=0.0, shrinkage=1e-6)
    energy = white.matrix.square().sum(dim=1) * torch.cat([small, large], dim=1).var(dim=0)
    torch.testing.assert_close(energy[:2].sum(), energy[2:].sum(), rtol=0.05, atol=0)


def test_few_images_limit_the_dimensions():
    whitening = fit_whitening([torch.randn(5, 30), torch.randn(5, 10)], max_dim=30, power=0.5)
    assert whitening.matrix.shape == (40, 4)
    assert whitening.matrix.isfinite().all()


@pytest.mark.parametrize(("power", "kept"), [(0.5, 20), (0.3, 55), (0.0, 60)])
def test_the_more_it_is_whitened_the_more_images_a_dimension_needs(power, kept):
    whitening = fit_whitening([torch.randn(160, 60)], max_dim=256, power=power)
    assert whitening.matrix.shape == (60, kept)


def test_equal_features_do_not_blow_up():
    whitening = fit_whitening([torch.ones(9, 7)], max_dim=7, power=0.5)
    assert whitening(torch.ones(2, 7)).isfinite().all()


def test_a_saved_encoder_comes_back(folder):
    encoder = load_encoder(folder, device="cpu")
    assert (encoder.image_size, encoder.dim, encoder.projection_dim) == (16, 12, 8)
    assert encoder.prototypes.shape == (10, 8)
    images = noise_images(7)
    encoded = encoder.encode(images)
    assert encoded.embeddings.shape == (7, 12)
    torch.testing.assert_close(encoded.embeddings.norm(dim=1), torch.ones(7))
    torch.testing.assert_close(encoded.projections.norm(dim=1), torch.ones(7))
    again = load_encoder(folder, device="cpu").encode(torch.from_numpy(images))
    assert torch.equal(encoded.embeddings, again.embeddings)


def test_a_mirrored_image_gets_the_same_vector(folder):
    encoder = load_encoder(folder, device="cpu")
    images = noise_images(5)
    plain = encoder.encode(images).embeddings
    mirrored = encoder.encode(np.ascontiguousarray(images[..., ::-1])).embeddings
    torch.testing.assert_close(plain, mirrored, atol=1e-4, rtol=0)


def test_an_image_gets_one_vector_whatever_the_batch(folder):
    encoder = load_encoder(folder, device="cpu")
    images = noise_images(33)
    together = encoder.encode(images).embeddings
    alone = torch.cat([encoder.encode(images[i : i + 1]).embeddings for i in range(33)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 3, 8, 8), (2, 1, 16, 16)])
def test_wrong_pixels_are_refused(folder, shape):
    with pytest.raises(ValueError, match="pixels"):
        load_encoder(folder, device="cpu").encode(torch.zeros(shape, dtype=torch.uint8))
    with pytest.raises(ValueError, match="float32"):
        load_encoder(folder, device="cpu").encode(torch.zeros(2, 3, 16, 16))


def test_a_folder_without_a_whole_model_is_refused(folder):
    (folder / "model.json").unlink()
    with pytest.raises(FileNotFoundError, match="no trained model"):
        load_encoder(folder)


def test_a_model_of_another_format_is_refused(folder):
    text = (folder / "model.json").read_text().replace('"format": 1', '"format": 99')
    (folder / "model.json").write_text(text)
    with pytest.raises(ValueError, match="format 99"):
        load_encoder(folder)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "note"
    path.write_text("old")

    def fail():
        with replacing(path) as scratch:
            scratch.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / ".note.partial").write_text("left by a killed run")
    remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
