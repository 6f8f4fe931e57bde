"""Damage: what of a workspace is lost or is not what was written, and making it again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from curate.amounts import count_of
from curate.errors import CurateError, InputError
from curate.files import remove
from curate.progress import Progress
from curate.sources import name_source
from curate.workspace.answers import find_answer_damage
from curate.workspace.catalogue import Catalogue
from curate.workspace.checked_lines import drop_damaged_lines, find_line_damage
from curate.workspace.embedding import embed_missing
from curate.workspace.embedding_store import EmbeddingStore
from curate.workspace.integrity import (
    Damaged,
    check_table,
    read_checked_json,
    write_checked_json,
)
from curate.workspace.models import (
    FACTS,
    INPUTS,
    METRICS,
    find_model_damage,
    open_model,
    read_model_facts,
)
from curate.workspace.pixel_mending import drop_lost_pixels
from curate.workspace.pixel_shards import (
    describe_lost_rows,
    find_lost_rows,
    list_shards,
    read_facts,
)
from curate.workspace.refusals import drop_damaged_refusals, find_refusal_damage
from curate.workspace.scan import mend_catalogue, scan
from curate.workspace.workspace import Workspace


def find_damage(workspace: Workspace) -> list[Damaged]:
    """Return what is lost or is not what was written; every byte is read.

    Args:
        workspace: Of which only ``copies/`` is left out.
    """
    return [
        *workspace.facts_damage(),
        *_find_catalogue_damage(workspace),
        *find_refusal_damage(workspace),
        *_find_pixel_damage(workspace),
        *(
            damage
            for name in workspace.models()
            for damage in find_model_damage(workspace.model(name))
        ),
        *find_answer_damage(workspace),
        *_find_training_damage(workspace),
        *(damage for store in _open_stores(workspace) for damage in store.find_damage()),
        *_find_evidence_damage(workspace),
        *find_line_damage(workspace.reviews),
    ]


def repair(workspace: Workspace, progress: Progress) -> None:
    """Make again what can be made again.

    The catalogue and the pixels are made by reading files, vectors by embedding; a training that
    was interrupted begins anew. Weights cannot be made again. Evidence of results is forgotten, and
    so are damaged lines of what a person decided.

    Args:
        workspace: Of which only ``copies/`` is left out.
        progress: Hears of each file.

    Raises:
        ResourceError: Another process holds the lock, or the disk is full.
    """
    mend_catalogue(workspace, progress)
    with workspace.writing(progress):
        drop_lost_pixels(workspace, progress, is_thorough=True)
        drop_damaged_refusals(workspace, progress)
        for source in workspace.facts()["sources"]:
            try:
                scan(source, workspace, progress)
            except InputError as error:
                progress.note(
                    f"what was read of {name_source(source)} cannot be made again: {error}"
                )
        for damage in find_answer_damage(workspace):
            progress.note(f"{damage}; the images are asked again by the next training")
            remove(damage.path)
        _mend_trainings(workspace, progress)
        for name in workspace.models():
            _forget_measures(workspace.model(name), progress)
            _mend_embeddings(workspace, name, progress)
        for damage in _find_evidence_damage(workspace):
            progress.note(f"{damage}; `curate dedup` writes it again")
            remove(damage.path)
        for damage in find_line_damage(workspace.reviews):
            progress.note(f"{damage}; they are forgotten: decide again with `curate review`")
            drop_damaged_lines(workspace.reviews)


def _find_catalogue_damage(workspace: Workspace) -> Iterator[Damaged]:
    catalogue = Catalogue(workspace)
    found = catalogue.find_damage()
    yield from found
    if workspace.catalogue not in {damage.path for damage in found}:
        for source in catalogue.lost_sources():
            yield Damaged(workspace.catalogue, f"it has no rows of {name_source(source)}")


def _find_pixel_damage(workspace: Workspace) -> Iterator[Damaged]:
    found = []
    for shard in list_shards(workspace.pixels):
        try:
            is_lost = find_lost_rows(shard, is_thorough=True)
        except Damaged as damage:
            found.append(damage)
            continue
        if is_lost.any():
            found.append(Damaged(shard.with_suffix(".bin"), describe_lost_rows(is_lost)))
    yield from found
    if not found and Catalogue(workspace).is_there():
        n_lost = _count_images_without_pixels(workspace)
        if n_lost:
            are = count_of(n_lost, "image of the catalogue is", "images of the catalogue are")
            yield Damaged(workspace.pixels, f"{are} in no shard")


def _count_images_without_pixels(workspace: Workspace) -> int:
    known = read_facts(workspace.pixels)["hash"].to_numpy()
    wanted = Catalogue(workspace).read_readable(["hash"])["hash"].to_numpy()
    return len(np.setdiff1d(np.asarray(wanted, str), np.asarray(known, str)))


def _find_training_damage(workspace: Workspace) -> Iterator[Damaged]:
    """Yield what is wrong with trainings that were interrupted."""
    for folder in _list_trainings(workspace):
        from swav_train.run.train import find_damage as find_training_damage

        try:
            read_checked_json(folder / INPUTS)
        except FileNotFoundError:
            yield Damaged(folder / INPUTS, "it is lost")
        except Damaged as damage:
            yield damage
        for error in find_training_damage(folder):
            yield Damaged(error.path, error.reason)


def _mend_trainings(workspace: Workspace, progress: Progress) -> None:
    damaged = {damage.path for damage in _find_training_damage(workspace)}
    for folder in _list_trainings(workspace):
        if any(path.is_relative_to(folder) for path in damaged):
            progress.note(f"{folder} is damaged; the training begins anew")
            remove(folder)


def _forget_measures(folder: Path, progress: Progress) -> None:
    """Forget the measures of a model's epochs if they are damaged; that of the last one stays."""
    path = folder / METRICS
    if any(damage.path == path for damage in find_model_damage(folder)):
        facts = read_model_facts(folder)
        del facts["digests"][METRICS]
        write_checked_json(folder / FACTS, facts)
        remove(path)
        progress.note(f"{path} is damaged; only the last epoch's measures are left")


def _find_evidence_damage(workspace: Workspace) -> list[Damaged]:
    """Return what is wrong with the accepted pairs that results show."""
    found = []
    for path in sorted(workspace.evidence.glob("*.parquet")):
        try:
            check_table(path)
        except Damaged as damage:
            found.append(damage)
    return found


def _list_trainings(workspace: Workspace) -> list[Path]:
    return sorted(workspace.root.glob("models/.*.training"))


def _open_stores(workspace: Workspace) -> Iterator[EmbeddingStore]:
    """Yield the embeddings of all models that are whole."""
    for name in workspace.models():
        try:
            model = open_model(workspace, name)
        except Damaged:
            continue
        yield EmbeddingStore(workspace.embeddings(name), model.weights)


def _mend_embeddings(workspace: Workspace, name: str, progress: Progress) -> None:
    """Embed again what a model's embeddings have lost."""
    try:
        model = open_model(workspace, name)
    except Damaged:
        return
    store = EmbeddingStore(workspace.embeddings(name), model.weights)
    if store.find_damage():
        hashes = Catalogue(workspace).read_readable(["hash"])["hash"].to_pylist()
        try:
            embed_missing(workspace, model, hashes, device="auto", progress=progress)
        except CurateError as error:
            progress.note(f"the images of model {name!r} cannot be embedded again: {error}")
