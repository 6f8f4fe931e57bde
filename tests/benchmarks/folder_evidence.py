"""The evidence on the pairs of a folder whose copies are known, for the scripts beside this one."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from curate.copies.cache.version import open_cache
from curate.copies.config import DedupConfig
from curate.copies.find import LADDER
from curate.copies.inputs import read_inputs
from curate.copies.probability.context import judge_in_context
from curate.copies.rungs.base import Known
from curate.copies.rungs.near_search import NearSearch
from curate.parallel import one_thread_each
from curate.progress import Silent
from curate.workspace.scan import scan
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True)
class FolderEvidence:
    """What is known of the P candidates of a folder.

    Attributes:
        paths: Of the images.
        a: (P,) rows of ``paths``.
        b: (P,) rows of ``paths``.
        evidence: (P, K) of both looks, NaN where there was no close one.
        is_copy: (P,) bool.
        probability: (P,) as `curate dedup` tells it.
    """

    paths: list[str]
    a: np.ndarray
    b: np.ndarray
    evidence: np.ndarray
    is_copy: np.ndarray
    probability: np.ndarray


def collect(images, truth, workspace, *, in_context=False):
    """Return the evidence on a folder.

    Args:
        images: The folder.
        truth: Name of each path; images of one name are copies. Paths without one stand alone.
        workspace: Where what is found out is kept.
        in_context: Leave out, as `curate dedup` does, pairs of which third images tell that both
            carry something of their own.
    """
    space = find_workspace(Path(workspace))
    with space.writing(), one_thread_each():
        manifest = scan(Path(images), space, Silent()).manifest()
        inputs = read_inputs(manifest, None, space, Silent())
        known = Known(
            images=inputs.images,
            pixels=inputs.reader,
            config=DedupConfig(),
            cache=open_cache(space.root / "copies"),
            vectors=None,
            progress=Silent(),
            is_protected=inputs.images.is_other,
            centrality=None,
        )
        for rung in LADDER[:2]:
            known = known.add(rung.group(known))
        hashes = np.array([inputs.images.content_hash[row] for row in known.heads.tolist()])
        heads = known.heads[np.argsort(hashes, kind="stable")]
        search = NearSearch(known, heads)
        verified = search.verify_candidates()
        links = verified.links
        context = verified.context
        if not in_context:
            context = replace(context, own=np.zeros(len(heads)))
    paths = [inputs.images.path[row] for row in heads.tolist()]
    names = [truth.get(path, path) for path in paths]
    pairs = zip(links.findings.a.tolist(), links.findings.b.tolist(), strict=True)
    return FolderEvidence(
        paths=paths,
        a=links.findings.a,
        b=links.findings.b,
        evidence=judge_in_context(links.findings, context),
        is_copy=np.array([names[a] == names[b] for a, b in pairs], bool),
        probability=links.probability,
    )


def read_truth(path, column="original"):
    """Return the name of each path of a table, by which copies are known."""
    with Path(path).open(newline="") as source:
        return {row["path"]: row[column] for row in csv.DictReader(source)}
