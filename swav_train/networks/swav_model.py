"""The network that SwAV trains: backbone, projection head, prototypes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional

from swav_train.config import TrainConfig
from swav_train.networks.backbone import build_backbone, count_features


class SwavModel(nn.Module):
    """Features, projections to the unit sphere, and similarity to unit-norm prototypes.

    B images, F features, P projection dimensions, K prototypes (arXiv:2006.09882, section 3.1).

    Attributes:
        backbone: (B, 3, S, S) to (B, F).
        projector: (B, F) to (B, P), not normalised.
        prototypes: (K, P) float32 parameter, unit rows.
    """

    def __init__(self, config: TrainConfig) -> None:
        """Make an untrained model from torch's global random state.

        Args:
            config: Backbone, head and prototype settings.

        Raises:
            ValueError: The backbone's name is unknown.
        """
        super().__init__()
        self.backbone = build_backbone(config.backbone, config.stem)
        n_features = count_features(self.backbone, config.crops[0].size)
        self.projector = _build_projector(
            n_features, config.projection_hidden, config.projection_dim
        )
        self.prototypes = nn.Parameter(torch.randn(config.n_prototypes, config.projection_dim))
        self.normalise_prototypes()
        self._freezes_batch_norm = config.freeze_batch_norm

    def train(self, mode: bool = True) -> SwavModel:  # noqa: FBT001, FBT002 - torch's signature
        """Switch between training and evaluation; frozen batch norms stay in evaluation mode."""
        super().train(mode)
        if self._freezes_batch_norm:
            for norm in find_batch_norms(self.backbone):
                norm.eval()
        return self

    @torch.no_grad()
    def normalise_prototypes(self) -> None:
        """Put the prototypes back on the unit sphere, in place."""
        self.prototypes.copy_(functional.normalize(self.prototypes, dim=1))

    def project(self, features: Tensor) -> Tensor:
        """Return unit-norm projections, (B, P) float32, of features (B, F)."""
        projected: Tensor = self.projector(features)
        return functional.normalize(projected.float(), dim=1)

    def score(self, projections: Tensor) -> Tensor:
        """Return (B, K) float32 cosine similarities of unit rows (B, P) to the prototypes."""
        with torch.autocast(projections.device.type, enabled=False):
            return projections.float() @ self.prototypes.t()

    def forward(
        self, crops: Sequence[Tensor], *, trains_backbone: bool = True
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Embed and score the crops of a batch; crops of one size pass in one go.

        Args:
            crops: (B, 3, S, S) float each, those of one size next to each other.
            trains_backbone: False if no gradient need reach the backbone.

        Returns:
            Projections, one (B, P) float32 per crop, and scores, one (B, K) float32 per crop.
        """
        projections: list[Tensor] = []
        for _, same in groupby(crops, key=lambda crop: crop.shape[-1]):
            group = list(same)
            with torch.set_grad_enabled(trains_backbone and torch.is_grad_enabled()):
                features = self.backbone(torch.cat(group))
            projections += self.project(features).split([len(crop) for crop in group])
        return projections, [self.score(projection) for projection in projections]


def _build_projector(n_features: int, n_hidden: int, n_out: int) -> nn.Module:
    if n_hidden == 0:
        return nn.Linear(n_features, n_out)
    return nn.Sequential(
        nn.Linear(n_features, n_hidden, bias=False),
        nn.BatchNorm1d(n_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(n_hidden, n_out),
    )


def find_batch_norms(model: nn.Module) -> list[nn.Module]:
    """Return the layers that keep running statistics of their inputs."""
    return [m for m in model.modules() if getattr(m, "running_mean", None) is not None]


@torch.no_grad()
def calibrate_batch_norm(model: SwavModel, batches: Iterable[Tensor]) -> None:
    """Replace running batch statistics by those of whole images at the encoder's size.

    While training, crops of several sizes move the running statistics in turn, and averaged weights
    never saw a batch; neither suits the images the encoder is used on. Frozen ones stay.

    Args:
        model: Changed in place; its mode is kept.
        batches: (B, 3, S, S) float each, B >= 2, whole images.
    """
    was_training = model.training
    norms = [norm for norm in find_batch_norms(model.train()) if norm.training]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()  # type: ignore[operator]
        norm.momentum = None  # type: ignore[assignment]
    for batch in batches if norms else ():
        model.project(model.backbone(batch))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)
