"""Train one model on the nodes of a Ray cluster, which all see the images under the same path.

    python examples/ray_train.py IMAGES MODEL --workers 4 [--gpu] [--budget 3600 ...]

Other options are those of ``python -m swav_train``, which each worker runs: they are the processes
of one training, as under ``torchrun``. MODEL is a folder that all see, too. Needs
``pip install "curate-images[ray]" "ray[train]"``.
"""

import argparse
from functools import partial
from pathlib import Path


def learn(words: list[str]) -> None:
    """Do one worker's share; Ray has started the process group."""
    from swav_train.__main__ import main as train_swav

    code = train_swav(words)
    if code != 0:
        raise SystemExit(code)


def main() -> None:
    """Start the workers and wait for the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gpu", action="store_true", help="One GPU for each worker.")
    parser.add_argument("--address", help="Of the cluster; without, one is started here.")
    options, settings = parser.parse_known_args()

    import ray
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    ray.init(address=options.address, log_to_driver=True)
    words = [str(options.images.resolve()), "--out", str(options.model.resolve())]
    trainer = TorchTrainer(
        partial(learn, [*words, *settings]),
        scaling_config=ScalingConfig(num_workers=options.workers, use_gpu=options.gpu),
    )
    trainer.fit()
    print(f"model: {options.model}")


if __name__ == "__main__":
    main()
