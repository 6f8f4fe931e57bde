"""The training curve: how the model that made the features learned."""

from dataclasses import dataclass

from curate.workspace.integrity import Damaged
from curate.workspace.models import read_metrics, read_model_facts
from curate.workspace.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingCurve:
    """How a model learned.

    Attributes:
        model: Its name.
        backbone: timm's name of the network.
        n_prototypes: How many.
        loss_ratio: Of each epoch, loss over log K; 1 means nothing was learned.
        usage: Of each epoch, entropy of the prototypes' usage over log K; 1 means all are used
            alike.
    """

    model: str
    backbone: str
    n_prototypes: int
    loss_ratio: list[float]
    usage: list[float]


def read_training_curve(space: Workspace, identity: str | None) -> TrainingCurve | None:
    """Return the curve of the model that a manifest names, or None if the workspace lacks it."""
    name = (identity or "").partition("@")[0]
    if not name or name not in space.models():
        return None
    folder = space.model(name)
    history = read_metrics(folder) or []
    try:
        settings = read_model_facts(folder)["config"]
    except Damaged:
        return None
    return TrainingCurve(
        model=name,
        backbone=settings["backbone"],
        n_prototypes=settings["n_prototypes"],
        loss_ratio=[line["loss_ratio"] for line in history],
        usage=[line["usage_entropy"] for line in history],
    )
