"""Embed: turn cached pixels into vectors, only what is missing."""

from dataclasses import dataclass
from pathlib import Path

from curate.argument_types import check_arguments
from curate.choices import check_device
from curate.engine.opening import EngineConfig, open_engine
from curate.field_types import take_types
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.sources import Address
from curate.workspace.embedding import embed_scanned
from curate.workspace.models import find_model, require_device
from curate.workspace.scan import ScanConfig, scan
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedConfig:
    """What the stage needs to know.

    Attributes:
        model: Name of the model; None takes ``default`` or the only one.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    model: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Check the device's name.

        Raises:
            UsageError: No device has it.
        """
        take_types(self)
        check_device(self.device)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        source: Folder of the images.
        model: Name and weights of the model.
        n_images: Images that can be used.
        n_embedded: Images that had no vector before.
        images_per_second: Rate of embedding, decoding from the cache included; 0 for none.
        unreadable: How many files cannot be used, by reason.
        passed_over: How many files were not looked at, by ending or by what they are.
        problems: Folders and links that could not be looked at, a sentence each.
    """

    source: str
    model: str
    n_images: int
    n_embedded: int
    images_per_second: float
    unreadable: dict[str, int]
    passed_over: dict[str, int]
    problems: list[str]


@check_arguments
def embed(
    images: Address | None = None,
    config: EmbedConfig | None = None,
    *,
    scan_config: ScanConfig | None = None,
    engine: EngineConfig | None = None,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> EmbedResult:
    """Embed the images that have no vector yet.

    Args:
        images: A source, or several; None takes the one scanned last.
        config: The stage's settings.
        scan_config: What a scan passes over, and how large a picture may be.
        engine: Where the costly work is done; None for this process.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        CurateError: The folder, the workspace, the model or the device cannot be used.
    """
    config = config or EmbedConfig()
    progress = progress or Silent()
    space = find_workspace(workspace, progress)
    source = images if images is not None else space.newest_source()
    model = find_model(space, config.model)
    if engine is None:  # its workers have devices of their own
        require_device(config.device)
    with space.writing(progress), open_engine(engine, space.root, progress) as shards:
        found = scan(source, space, progress, config=scan_config, engine=shards)
        found, done = embed_scanned(
            space, model, found, device=config.device, progress=progress, engine=shards
        )
    return EmbedResult(
        source=str(found.source),
        model=model.identity,
        n_images=found.n_ok,
        n_embedded=done.n_embedded,
        images_per_second=done.images_per_second,
        unreadable=found.unreadable,
        passed_over=dict(found.passed_over),
        problems=list(found.problems),
    )
