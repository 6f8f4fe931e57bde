"""What to change when a run fails, so that it can begin again by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swav_train.config import CropSpec, Precision, TrainConfig, derive_config
from swav_train.files import write_json

FILE = "mended.json"
_KEPT = (
    "backbone",
    "pretrained",
    "stem",
    "image_size",
    "cache_size",
    "batch_size",
    "backbone_freeze",
    "freeze_batch_norm",
    "epochs",
    "projection_hidden",
    "projection_dim",
    "embedding_dim",
    "embedding_stages",
    "whitening_power",
    "flip",
    "average_decay",
    "precision",
    "device",
    "seed",
)
_WIDE_AREA = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Mend:
    """A second attempt.

    Attributes:
        config: Its settings.
        reason: What went wrong and what was changed, one sentence.
        seconds: Time that the first attempt took.
    """

    config: TrainConfig
    reason: str
    seconds: float


def gentler(config: TrainConfig, *, n_images: int, is_finite: bool) -> TrainConfig:
    """Return settings that are likelier to learn something than those that failed.

    Whatever was set by hand and decides whether SwAV starts at all (prototypes, codes, crops,
    colours, optimiser) takes the value that the images call for. Where it had that already, the
    learning rate falls to a third.

    Args:
        config: Failed.
        n_images: Images to learn from, >= 2.
        is_finite: False if the loss was not a number: then the network computes in float32, too.
    """
    kept = {name: getattr(config, name) for name in _KEPT}
    crop = config.crops[0]
    wide = CropSpec(count=2, size=crop.size, min_area=max(crop.min_area, _WIDE_AREA), max_area=1.0)
    changed = derive_config(
        n_images=n_images,
        side_px=config.cache_size,
        device=config.device,
        n_cores=1,
        budget_seconds=None,
        overrides=kept | {"crops": (wide,)},
    )
    if changed == config:
        changed = replace(config, learning_rate=config.learning_rate / 3)
    return changed if is_finite else replace(changed, precision=Precision.FLOAT32)


def differences(before: TrainConfig, after: TrainConfig) -> str:
    """Return the settings that differ, as ``n_prototypes 3000 -> 134, ...``."""
    old, new = before.to_dict(), after.to_dict()
    return ", ".join(f"{n} {_short(old[n])} -> {_short(new[n])}" for n in old if old[n] != new[n])


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def write_mend(out: Path, mend: Mend, *, identity: dict[str, Any]) -> None:
    """Remember a second attempt, for a run that is killed in it."""
    write_json(
        out / FILE,
        {
            "asked": identity,
            "config": mend.config.to_dict(),
            "reason": mend.reason,
            "seconds": mend.seconds,
        },
    )


def read_mend(out: Path, *, identity: dict[str, Any]) -> Mend | None:
    """Return the second attempt of the same training that is under way, if there is one."""
    path = out / FILE
    if not path.exists():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    if values["asked"] != json.loads(json.dumps(identity)):
        return None
    return Mend(
        config=TrainConfig.from_dict(values["config"]),
        reason=values["reason"],
        seconds=values["seconds"],
    )


def remove_mend(out: Path) -> None:
    """Forget the second attempt."""
    (out / FILE).unlink(missing_ok=True)
