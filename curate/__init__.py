"""Curate and deduplicate image datasets: the verbs of the command line as functions.

>>> import curate
>>> curate.train("images")  # doctest: +SKIP
>>> curate.cluster(out="manifest.parquet")  # doctest: +SKIP
>>> curate.dedup("manifest.parquet")  # doctest: +SKIP

A closed choice may be given by its name, such as ``level="near"``; a wrong name is a ``ValueError``
that tells the nearest. A field of another type is one that says what it takes.
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
        MapBy,
        OnConflict,
        Precision,
        Quota,
        Recipe,
        Removal,
        SearchBy,
        Start,
        Status,
        Within,
    )
    from curate.engine.opening import EngineConfig
    from curate.errors import CurateError, InputError, ResourceError, TrainingError, UsageError
    from curate.manifest.manifest import read_manifest
    from curate.retrieval.pair_table import PairTable
    from curate.retrieval.results import Found, Placement
    from curate.retrieval.show import show
    from curate.stages.cluster import ClusterConfig, ClusterResult, cluster
    from curate.stages.compare import CompareResult, compare
    from curate.stages.dedup import DedupConfig, DedupResult, RungCount, dedup
    from curate.stages.diff import DiffResult, diff
    from curate.stages.embed import EmbedConfig, EmbedResult, embed
    from curate.stages.export import ExportConfig, ExportResult, export
    from curate.stages.info import ClusterInfo, InfoResult, ModelInfo, info
    from curate.stages.merge import MergeResult, merge
    from curate.stages.probe import ClassScore, ProbeConfig, ProbeResult, probe
    from curate.stages.prune import PruneConfig, PruneResult, prune
    from curate.stages.report import ReportConfig, ReportResult, report
    from curate.stages.restore import RestoreResult, restore
    from curate.stages.review import ReviewConfig, ReviewResult, review
    from curate.stages.run import RunConfig, RunResult, run
    from curate.stages.sample import SampleConfig, SampleResult, sample
    from curate.stages.search import Answer, SearchConfig, SearchResult, search
    from curate.stages.sheet import SheetConfig, SheetResult, sheet
    from curate.stages.split import SplitConfig, SplitResult, split
    from curate.stages.train import TrainResult, train
    from curate.stages.verify import VerifyResult, verify
    from curate.workspace.training_settings import TrainConfig

__all__ = [
    "Answer",
    "Assign",
    "Changed",
    "ClassScore",
    "ClusterConfig",
    "ClusterInfo",
    "ClusterResult",
    "CompareResult",
    "CurateError",
    "DedupConfig",
    "DedupResult",
    "DiffResult",
    "EmbedConfig",
    "EmbedResult",
    "EngineConfig",
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
    "MapBy",
    "MergeResult",
    "ModelInfo",
    "OnConflict",
    "PairTable",
    "Placement",
    "Precision",
    "ProbeConfig",
    "ProbeResult",
    "PruneConfig",
    "PruneResult",
    "Quota",
    "Recipe",
    "Removal",
    "ReportConfig",
    "ReportResult",
    "ResourceError",
    "RestoreResult",
    "ReviewConfig",
    "ReviewResult",
    "RunConfig",
    "RunResult",
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
    "Start",
    "Status",
    "TrainConfig",
    "TrainResult",
    "TrainingError",
    "UsageError",
    "VerifyResult",
    "Within",
    "__version__",
    "cluster",
    "compare",
    "dedup",
    "diff",
    "embed",
    "export",
    "info",
    "merge",
    "probe",
    "prune",
    "read_manifest",
    "report",
    "restore",
    "review",
    "run",
    "sample",
    "search",
    "sheet",
    "show",
    "split",
    "train",
    "verify",
]

_PLACES = {
    "curate.choices": "Assign Changed ExportAs KeepPolicy Labels Layout Level MapBy OnConflict "
    "Precision Quota Recipe Removal SearchBy Start Status Within",
    "curate.engine.opening": "EngineConfig",
    "curate.errors": "CurateError InputError ResourceError TrainingError UsageError",
    "curate.manifest.manifest": "read_manifest",
    "curate.retrieval.pair_table": "PairTable",
    "curate.retrieval.results": "Found Placement",
    "curate.retrieval.show": "show",
    "curate.stages.cluster": "ClusterConfig ClusterResult cluster",
    "curate.stages.compare": "CompareResult compare",
    "curate.stages.dedup": "DedupConfig DedupResult RungCount dedup",
    "curate.stages.diff": "DiffResult diff",
    "curate.stages.embed": "EmbedConfig EmbedResult embed",
    "curate.stages.export": "ExportConfig ExportResult export",
    "curate.stages.info": "ClusterInfo InfoResult ModelInfo info",
    "curate.stages.merge": "MergeResult merge",
    "curate.stages.probe": "ClassScore ProbeConfig ProbeResult probe",
    "curate.stages.prune": "PruneConfig PruneResult prune",
    "curate.stages.report": "ReportConfig ReportResult report",
    "curate.stages.restore": "RestoreResult restore",
    "curate.stages.review": "ReviewConfig ReviewResult review",
    "curate.stages.run": "RunConfig RunResult run",
    "curate.stages.sample": "SampleConfig SampleResult sample",
    "curate.stages.search": "Answer SearchConfig SearchResult search",
    "curate.stages.sheet": "SheetConfig SheetResult sheet",
    "curate.stages.split": "SplitConfig SplitResult split",
    "curate.stages.train": "TrainResult train",
    "curate.stages.verify": "VerifyResult verify",
    "curate.workspace.training_settings": "TrainConfig",
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


def __dir__() -> list[str]:
    """Return all names, those too that are imported when they are first used."""
    return sorted({*globals(), *__all__})
