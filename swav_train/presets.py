"""Settings that others published, by name, as overrides for ``derive_config``."""

from __future__ import annotations

PAPER: dict[str, object] = {
    "backbone": "resnet50",
    "stem": "standard",
    "image_size": 224,
    "cache_size": 256,
    "crops": "2x224@0.14-1+6x96@0.05-0.14",
    "half_size_share": 0.0,
    "n_prototypes": 3000,
    "epsilon": 0.05,
    "sinkhorn_iterations": 3,
    "temperature": 0.1,
    "contrast_weight": 0.0,
    "batch_size": 4096,
    "queue_size": 0,
    "epochs": 800,
    "optimizer": "lars",
    "learning_rate": 4.8,
    "weight_decay": 1e-6,
    "warmup": 10 / 800,
    "freeze_prototypes_steps": 313,
    "projection_hidden": 2048,
    "projection_dim": 128,
    "color_strength": 1.0,
    "gray_probability": 0.2,
    "blur_probability": 0.5,
    "flip": True,
    "average_decay": 0.0,
}
"""ImageNet, ResNet-50, 800 epochs (arXiv:2006.09882, section 4 and appendix A).

``freeze_prototypes_steps`` is the first epoch: 1.28 million images in batches of 4,096.
"""

PRESETS = {"paper": PAPER}


def find_preset(name: str) -> dict[str, object]:
    """Return the overrides that a name stands for.

    Raises:
        ValueError: Nothing has that name.
    """
    if name not in PRESETS:
        raise ValueError(f"no recipe is called {name!r}; there are: {', '.join(PRESETS)}")
    return dict(PRESETS[name])
