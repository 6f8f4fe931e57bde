"""The search for copies among the images of one or two manifests, with what a workspace knows."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from curate.algorithms.neighbors import nearest_prototype
from curate.choices import Level
from curate.copies.cache.damage import drop_cache_damage
from curate.copies.cache.version import is_current
from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.inputs import Inputs, read_inputs
from curate.copies.judged import Judged
from curate.copies.protected import resolve_protected
from curate.copies.records import Copies, Vectors
from curate.copies.sharded.helpers import Helpers
from curate.engine.shards import Engine
from curate.manifest.manifest import Manifest
from curate.manifest.text_column import TextColumn
from curate.progress import Progress
from curate.workspace.embedding import embed_missing
from curate.workspace.models import Model, find_model, model_of, prototypes_of
from curate.workspace.refusals import ImagesRefused, leave_out_refused, without_refused
from curate.workspace.shared_pixels import share_pixels
from curate.workspace.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundInManifest:
    """What a search for copies found.

    Attributes:
        manifest: The images; those that no worker survives are unreadable in it.
        inputs: The images that were compared.
        config: What was looked for, with what is protected as the manifest names it.
        copies: Among the images that were compared.
    """

    manifest: Manifest
    inputs: Inputs
    config: DedupConfig
    copies: Copies


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestSearch:
    """A search for copies among the images of a manifest.

    Attributes:
        manifest: Of the images.
        other: Of those that they are compared with, or None.
        config: What to look for.
        judged: What a person decided, or None.
        workspace: Whose catalogue, pixels and caches are used; the caller holds its lock.
        engine: Does the costly steps; None for this process.
        progress: Hears how it gets on.
    """

    manifest: Manifest
    other: Manifest | None
    config: DedupConfig
    judged: Judged | None
    workspace: Workspace
    engine: Engine | None
    progress: Progress

    def run(self) -> FoundInManifest:
        """Return what is found; where no worker survives an image, it begins again without it.

        Raises:
            InputError: A manifest has no readable image, or is older than its images.
            UsageError: What is to be protected names no image.
            ResourceError: The disk is full, or the engine cannot go on.
        """
        return without_refused(self.workspace, self.progress, self._search)

    def _search(self, refusals: pa.Table) -> FoundInManifest:
        """Return what is found without the refused images.

        Raises:
            ImagesRefused: No worker survives some of the others.
        """
        manifest = leave_out_refused(self.manifest, refusals)
        other = leave_out_refused(self.other, refusals) if self.other is not None else None
        inputs = read_inputs(manifest, other, self.workspace, self.progress)
        config = self._resolve_protected(manifest, inputs)
        copies = find_copies(
            inputs.images,
            inputs.reader,
            config,
            vectors=self._load_vectors(inputs),
            judged=self.judged,
            cache=self._mend_cache(),
            on_progress=self.progress,
            helpers=self._make_helpers(inputs),
        )
        return FoundInManifest(manifest=manifest, inputs=inputs, config=config, copies=copies)

    def _mend_cache(self) -> Path:
        """Return the folder of what earlier runs found out, less what is damaged in it."""
        folder = self.workspace.root / "copies"
        if not is_current(folder):
            if folder.is_dir():
                self.progress.note(
                    "what earlier runs found is of another version; it is found again"
                )
            return folder
        for damage in drop_cache_damage(folder):
            self.progress.note(f"{damage}; it is found out again")
        return folder

    def _resolve_protected(self, manifest: Manifest, inputs: Inputs) -> DedupConfig:
        """Return the config with what is protected as the manifest names it.

        Raises:
            UsageError: What is to be protected names no image.
        """
        named = self.config.protect
        if not named:
            return self.config
        source = inputs.sources.find(manifest.source)
        paths = TextColumn(manifest.rows.read(["path"])["path"])
        return replace(self.config, protect=resolve_protected(named, source, paths, inputs.links))

    def _make_helpers(self, inputs: Inputs) -> Helpers | None:
        """Return the engine as a helper, with the pixels where its workers see them."""
        if self.engine is None:
            return None
        pixels = share_pixels(self.engine.store, self.workspace)
        return Helpers(engine=self.engine, pixels=pixels, places=inputs.places)

    def _find_model(self) -> Model:
        """Return the model that is named, or that of the manifest, or the workspace's.

        Raises:
            InputError: It is not there, or is another than the manifest was written with.
            UsageError: The name is unknown, or none is named and there are several.
        """
        named, written_with = self.config.model, self.manifest.model
        if named is None and written_with is not None:
            return model_of(self.workspace, written_with)
        return find_model(self.workspace, named)

    def _load_vectors(self, inputs: Inputs) -> Vectors | None:
        """Return embeddings for the semantic rung, which needs a trained model; else none.

        Raises:
            ImagesRefused: No worker survives some of the images.
        """
        if self.config.level is not Level.SEMANTIC:
            return None
        hashes = inputs.images.content_hash
        model = self._find_model()
        done = embed_missing(
            self.workspace,
            model,
            hashes,
            device="auto",
            progress=self.progress,
            engine=self.engine,
        )
        if done.refused:
            raise ImagesRefused(done.refused)
        stored = done.store.load(hashes)
        assigned = nearest_prototype(stored.projections, prototypes_of(model))
        return Vectors(embeddings=stored.embeddings, prototype=assigned)
