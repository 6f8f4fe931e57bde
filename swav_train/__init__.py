"""SwAV (arXiv:2006.09882): features and prototypes learned from unlabelled images.

The package stands alone: give :func:`train` uint8 pixels and the settings of
:func:`derive_config`, get a folder that :func:`load_encoder` reads. ``import swav_train`` itself
imports neither torch nor timm; they wait until one of these names is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swav_train.config import TrainConfig
    from swav_train.defaults import derive_config
    from swav_train.networks.encoder import load_encoder
    from swav_train.run.train import train

__all__ = ["TrainConfig", "derive_config", "load_encoder", "train"]

_MODULES = {
    "TrainConfig": "swav_train.config",
    "derive_config": "swav_train.defaults",
    "load_encoder": "swav_train.networks.encoder",
    "train": "swav_train.run.train",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - functions and classes
    """Return a public name from the module that it lives in, imported now.

    Raises:
        AttributeError: There is no such name.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
