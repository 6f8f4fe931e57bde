import numpy as np
import pytest
import torch

from swav_train.files import read_json, write_json
from swav_train.method.neighbor_prediction import PrototypeHead
from swav_train.networks.backbone import build_backbone
from swav_train.networks.encoder import (
    DESCRIBE,
    EncoderParts,
    describe_images,
    load_encoder,
    save_encoder,
)
from swav_train.networks.whitening import fit_whitening
from tests.swav_train.swav_samples import TINY, noise_images


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    backbone = build_backbone(TINY.backbone, TINY.stem).eval()
    with torch.no_grad():
        features = describe_images(backbone, torch.randn(50, 3, 16, 16), n_stages=3)
    parts = EncoderParts(
        backbone=backbone,
        whitening=fit_whitening(features, max_dim=12, power=0.3),
        head=PrototypeHead(matrix=torch.randn(12, 8), prototypes=torch.randn(10, 8)),
    )
    save_encoder(tmp_path, parts, {"config": TINY.to_dict()})
    return tmp_path


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


@pytest.mark.parametrize(("evened", "is_alike"), [(True, True), (False, False)])
def test_exposure_is_evened_out_where_the_training_did(folder, evened, is_alike):
    facts = read_json(folder / "model.json")
    facts["config"]["standardise"] = evened
    write_json(folder / "model.json", facts)
    encoder = load_encoder(folder, device="cpu")
    images = noise_images(5) // 2 + 60
    dimmed = (images * 0.4 + 20).round().astype(np.uint8)
    similar = (encoder.encode(images).embeddings * encoder.encode(dimmed).embeddings).sum(dim=1)
    assert (similar.min() > 0.98) == is_alike


@pytest.mark.parametrize(("side", "most"), [(48, 130), (96, 32), (192, 8), (1000, 8)])
def test_few_images_go_through_a_network_on_a_cpu_at_once(side, most):
    assert DESCRIBE.count_images(side) == most


def test_images_described_in_parts_come_back_in_order():
    torch.manual_seed(0)
    backbone = build_backbone(TINY.backbone, TINY.stem).eval()
    images = torch.randn(20, 3, 200, 200)
    with torch.no_grad():
        together = describe_images(backbone, images, n_stages=2)
        alone = [describe_images(backbone, image[None], n_stages=2) for image in images]
    for stage, each in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(stage, torch.cat(each), atol=1e-4, rtol=0)


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
    write_json(folder / "model.json", read_json(folder / "model.json") | {"format": 99})
    with pytest.raises(ValueError, match="format 99"):
        load_encoder(folder)
