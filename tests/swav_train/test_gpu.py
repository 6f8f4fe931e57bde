"""What only a GPU can show. Without one these tests are skipped."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from swav_train import load_encoder, train
from swav_train.config import parse_crops
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.device import resolve_device, resolve_precision
from swav_train.method.multicrop import MultiCrop
from swav_train.run.state import new_state
from swav_train.run.step import train_step
from tests.swav_train.swav_samples import SHORT, noise_images

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

SMALL = replace(
    SHORT, backbone="resnet10_w32", crops=parse_crops("2x32+2x16"), cache_size=32, image_size=32
)


def run_steps(config, device, n_steps, *, waits="default"):
    """Return the mean loss of steps on 64 images; ``waits``: what a wait of the host does."""
    config = replace(config, device=device, batch_size=64)
    where = resolve_device(device)
    state = new_state(config, where)
    views = MultiCrop(config, precision=resolve_precision(config.precision, where))
    pixels = torch.from_numpy(noise_images(64, 32))
    pixels = pixels.pin_memory() if where.type == "cuda" else pixels
    for number in range(n_steps):
        if number == 2 and where.type == "cuda":  # the first two choose kernels
            torch.cuda.set_sync_debug_mode(waits)
        try:
            batch = pixels.to(where, non_blocking=True)
            drawn = views.draw(torch.ones(64), make_generator("crops", number))
            drawn = drawn.pin_memory() if where.type == "cuda" else drawn
            crops = views.cut(batch, drawn.to(where, non_blocking=True))
            train_step(state, crops, learning_rate=1e-3)
        finally:
            if where.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")
    return state.tally.loss.item() / n_steps


@pytest.mark.filterwarnings("ignore:Synchronization debug mode:UserWarning")  # PyTorch, once
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lars"])
@pytest.mark.parametrize("queue_size", [0, 128])
def test_no_part_of_a_step_makes_the_host_wait(optimizer, queue_size):
    config = replace(SMALL, optimizer=optimizer, queue_size=queue_size, queue_start_epoch=0)
    run_steps(replace(config, blur_probability=0.5), "cuda", 5, waits="error")


def test_a_gpu_takes_the_steps_that_a_cpu_takes():
    """The first ones: Adam's first steps are signs, and what is near 0 soon takes another way."""
    config = replace(SMALL, precision="float32")
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        first = [run_steps(config, device, 1) for device in ("cpu", "cuda")]
        third = [run_steps(config, device, 3) for device in ("cpu", "cuda")]
    assert first[1] == pytest.approx(first[0], rel=1e-4)
    assert third[1] == pytest.approx(third[0], rel=5e-3)
    in_bfloat16 = run_steps(replace(SMALL, precision="bfloat16"), "cuda", 3)
    assert in_bfloat16 == pytest.approx(third[0], rel=3e-2)


def test_crops_are_those_of_a_cpu():
    pixels, aspects = torch.from_numpy(noise_images(16, 32)), torch.linspace(0.5, 2, 16)
    views = MultiCrop(replace(SMALL, blur_probability=0.5))
    here = views(pixels, aspects, make_generator(0))
    there = views(pixels.cuda(), aspects, make_generator(0))
    for one, other in zip(here, there, strict=True):
        assert other.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(other.cpu(), one, rtol=1e-2, atol=2e-2)


def test_a_model_trained_there_is_used_anywhere(tmp_path):
    images = noise_images(200, 32)
    result = train(images, replace(SMALL, device="cuda", epochs=3), tmp_path / "model")
    assert result.epochs == 3
    here = load_encoder(tmp_path / "model", device="cpu")
    there = load_encoder(tmp_path / "model", device="cuda")
    batch = torch.from_numpy(images[:50])
    one, other = here.encode(batch), there.encode(batch)
    assert (one.embeddings * other.embeddings).sum(dim=1).min() > 0.999
    assert (one.projections * other.projections).sum(dim=1).min() > 0.995


def test_a_training_killed_there_goes_on_on_a_cpu(tmp_path):
    source = noise_images(200, 32)
    config = replace(SMALL, device="cuda", epochs=4)

    def stop(metrics):
        if metrics.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(source, config, tmp_path / "model", on_epoch=stop)
    starts = []
    result = train(
        source, replace(config, device="cpu"), tmp_path / "model", on_start=starts.append
    )
    assert starts[0].resumed_epochs >= 1
    assert result.epochs == 4


def test_a_mapped_source_reaches_the_gpu(tmp_path):
    source = PixelSource(noise_images(40, 32), size=32)
    assert source.read(torch.arange(8)).pin_memory().cuda().sum() > 0


def test_one_process_of_torchrun(tmp_path):
    """NCCL, synchronised batch norm and DDP, as far as one GPU shows them."""
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for number, pixels in enumerate(noise_images(80, 32)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number}.png")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1"]
    command += ["-m", "swav_train", str(folder), "--out", str(tmp_path / "model")]
    command += ["--device", "cuda", "--set", "epochs=2"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert load_encoder(tmp_path / "model", device="cpu").dim > 0
