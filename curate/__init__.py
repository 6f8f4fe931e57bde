"""Curate and deduplicate image datasets: the verbs of the command line as functions.

>>> import curate
>>> curate.train("images")  # doctest: +SKIP
>>> curate.cluster(out="manifest.parquet")  # doctest: +SKIP
>>> curate.dedup("manifest.parquet")  # doctest: +SKIP

A closed choice may be given by its name, such as ``level="near"``; a wrong name is a ``ValueError``
that tells the nearest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from curate.version import __version__

if TYPE_CHECKING:
    from curate.choices import (
        Assign,
        Changed,
        ExportAs,
        KeepPolicy,
        Labels,
        Layout,
        Level,
        Precision,
        Recipe,
        SearchBy,
        Status,
        Within,
    )
    from curate.errors import CurateError, InputError, ResourceError, TrainingError, UsageError
    from curate.retrieval.results import Found, Placement
    from curate.stages.cluster import ClusterConfig, ClusterResult, cluster
    from curate.stages.dedup import DedupConfig, DedupResult, RungCount, dedup
    from curate.stages.diff import DiffResult, diff
    from curate.stages.embed import EmbedConfig, EmbedResult, embed
    from curate.stages.export import ExportConfig, ExportResult, export
    from curate.stages.info import ClusterInfo, InfoResult, ModelInfo, info
    from curate.stages.merge import MergeResult, merge
    from curate.stages.probe import ClassScore, ProbeConfig, ProbeResult, probe
    from curate.stages.sample import SampleConfig, SampleResult, sample
    from curate.stages.search import Answer, SearchConfig, SearchResult, search
    from curate.stages.sheet import SheetConfig, SheetResult, sheet
    from curate.stages.split import SplitConfig, SplitResult, split
    from curate.stages.train import TrainConfig, TrainResult, train

__all__ = [
    "Answer",
    "Assign",
    "Changed",
    "ClassScore",
    "ClusterConfig",
    "ClusterInfo",
    "ClusterResult",
    "CurateError",
    "DedupConfig",
    "DedupResult",
    "DiffResult",
    "EmbedConfig",
    "EmbedResult",
    "ExportAs",
    "ExportConfig",
    "ExportResult",
    "Found",
    "InfoResult",
    "InputError",
    "KeepPolicy",
    "Labels",
    "Layout",
    "Level",
    "MergeResult",
    "ModelInfo",
    "Placement",
    "Precision",
    "ProbeConfig",
    "ProbeResult",
    "Recipe",
    "ResourceError",
    "RungCount",
    "SampleConfig",
    "SampleResult",
    "SearchBy",
    "SearchConfig",
    "SearchResult",
    "SheetConfig",
    "SheetResult",
    "SplitConfig",
    "SplitResult",
    "Status",
    "TrainConfig",
    "TrainResult",
    "TrainingError",
    "UsageError",
    "Within",
    "__version__",
    "cluster",
    "dedup",
    "diff",
    "embed",
    "export",
    "info",
    "merge",
    "probe",
    "sample",
    "search",
    "sheet",
    "split",
    "train",
]

_PLACES = {
    "curate.choices": "Assign Changed ExportAs KeepPolicy Labels Layout Level Precision Recipe "
    "SearchBy Status Within",
    "curate.errors": "CurateError InputError ResourceError TrainingError UsageError",
    "curate.retrieval.results": "Found Placement",
    "curate.stages.cluster": "ClusterConfig ClusterResult cluster",
    "curate.stages.dedup": "DedupConfig DedupResult RungCount dedup",
    "curate.stages.diff": "DiffResult diff",
    "curate.stages.embed": "EmbedConfig EmbedResult embed",
    "curate.stages.export": "ExportConfig ExportResult export",
    "curate.stages.info": "ClusterInfo InfoResult ModelInfo info",
    "curate.stages.merge": "MergeResult merge",
    "curate.stages.probe": "ClassScore ProbeConfig ProbeResult probe",
    "curate.stages.sample": "SampleConfig SampleResult sample",
    "curate.stages.search": "Answer SearchConfig SearchResult search",
    "curate.stages.sheet": "SheetConfig SheetResult sheet",
    "curate.stages.split": "SplitConfig SplitResult split",
    "curate.stages.train": "TrainConfig TrainResult train",
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import what is public when it is first used, so that ``import curate`` costs nothing.

    Raises:
        AttributeError: There is no such name.
    """
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'curate' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
