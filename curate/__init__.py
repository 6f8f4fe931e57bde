"""Curate and deduplicate image datasets: the verbs of the command line as functions.

>>> import curate
>>> curate.train("images")  # doctest: +SKIP
>>> curate.cluster(out="manifest.parquet")  # doctest: +SKIP
>>> curate.dedup("manifest.parquet")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

from curate.version import __version__

if TYPE_CHECKING:
    from curate.manifest.manifest import read_manifest
    from curate.retrieval.show import show
    from curate.stages.cluster import ClusterConfig, ClusterResult, cluster
    from curate.stages.dedup import DedupConfig, DedupResult, dedup
    from curate.stages.diff import DiffResult, diff
    from curate.stages.embed import EmbedConfig, EmbedResult, embed
    from curate.stages.export import ExportConfig, ExportResult, export
    from curate.stages.info import InfoResult, info
    from curate.stages.merge import MergeResult, merge
    from curate.stages.probe import ProbeConfig, ProbeResult, probe
    from curate.stages.report import ReportConfig, ReportResult, report
    from curate.stages.review import ReviewConfig, ReviewResult, review
    from curate.stages.sample import SampleConfig, SampleResult, sample
    from curate.stages.search import SearchConfig, SearchResult, search
    from curate.stages.sheet import SheetConfig, SheetResult, sheet
    from curate.stages.split import SplitConfig, SplitResult, split
    from curate.stages.train import TrainConfig, TrainResult, train

__all__ = [
    "ClusterConfig",
    "ClusterResult",
    "DedupConfig",
    "DedupResult",
    "DiffResult",
    "EmbedConfig",
    "EmbedResult",
    "ExportConfig",
    "ExportResult",
    "InfoResult",
    "MergeResult",
    "ProbeConfig",
    "ProbeResult",
    "ReportConfig",
    "ReportResult",
    "ReviewConfig",
    "ReviewResult",
    "SampleConfig",
    "SampleResult",
    "SearchConfig",
    "SearchResult",
    "SheetConfig",
    "SheetResult",
    "SplitConfig",
    "SplitResult",
    "TrainConfig",
    "TrainResult",
    "__version__",
    "cluster",
    "dedup",
    "diff",
    "embed",
    "export",
    "info",
    "merge",
    "probe",
    "read_manifest",
    "report",
    "review",
    "sample",
    "search",
    "sheet",
    "show",
    "split",
    "train",
]


_ELSEWHERE = {
    "read_manifest": "curate.manifest.manifest",
    "show": "curate.retrieval.show",
}


def __getattr__(name: str) -> object:
    """Import a stage when it is first used, so that ``import curate`` costs nothing.

    Raises:
        AttributeError: There is no such name.
    """
    if name not in __all__:
        raise AttributeError(f"module 'curate' has no attribute {name!r}")
    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    stage = name.removesuffix("Config").removesuffix("Result").lower()
    return getattr(import_module(f"curate.stages.{stage}"), name)
