"""What each column of the manifest is: name, type, who fills it, what it means.

The table of ``docs/manifest.md``, the schemas of ``columns.py`` and the ``Fills:`` line of a
command's help say what is written here, and nothing else. This module imports no Arrow, so that
help texts can be shown at once.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of the manifest.

    Attributes:
        name: As in the file; ``cluster_N`` stands for one column for each number N.
        type: An Arrow type by its alias, or ``list of`` one.
        filled_by: The stage whose column it is.
        meaning: What a value says, with its unit and range, in Markdown.
        is_nullable: Whether a value may be missing.
        is_optional: Whether the stage fills it only where an option asks for it.
    """

    name: str
    type: str
    filled_by: str
    meaning: str
    is_nullable: bool = True
    is_optional: bool = False


COLUMNS = (
    Column(
        name="path",
        type="string",
        filled_by="scan",
        meaning="relative to the source, `/`-separated: `a/b.jpg`, `0001.tar/a/b.jpg`, "
        "`part.parquet#17`; of a URL the URL without secrets. Bytes of a name that are not UTF-8 "
        "become "
        "`%XX`, and a `%` that two hex digits follow becomes `%25`; nothing else changes",
        is_nullable=False,
    ),
    Column(
        name="hash",
        type="string",
        filled_by="scan",
        meaning="SHA-256 of the file's bytes, hex; null if it could not be read",
    ),
    Column(name="bytes", type="int64", filled_by="scan", meaning="size of the file, in bytes"),
    Column(name="width", type="int32", filled_by="scan", meaning="px, of the upright image"),
    Column(name="height", type="int32", filled_by="scan", meaning="px, of the upright image"),
    Column(
        name="format",
        type="string",
        filled_by="scan",
        meaning="`JPEG`, `PNG`, …; `RAW` of a camera's file",
    ),
    Column(
        name="mode",
        type="string",
        filled_by="scan",
        meaning="what a pixel is, as Pillow has it: `RGB`, `L`, `RGBA`, `I;16`, `F`, …; `RGB;16` "
        "of deep colour",
    ),
    Column(
        name="frames",
        type="int32",
        filled_by="scan",
        meaning="frames of an animation, pages of a scan; 1 for a single picture",
    ),
    Column(
        name="status",
        type="string",
        filled_by="scan",
        meaning="`ok` or `unreadable`",
        is_nullable=False,
    ),
    Column(
        name="reason",
        type="string",
        filled_by="scan",
        meaning="why an image is unreadable; null if it is not",
    ),
    Column(
        name="label",
        type="string",
        filled_by="scan",
        meaning="class of the image, from where `--labels` says: the folder it lies in, what the "
        "source says of it, what a pattern finds in its path, a table, or the classes of its "
        "objects; several are joined by `;`",
    ),
    Column(
        name="objects",
        type="list of string",
        filled_by="scan",
        meaning="with `--labels` of COCO, YOLO or VOC: class of each object in the image; empty "
        "where there is none, null where nothing is known",
        is_optional=True,
    ),
    Column(
        name="boxes",
        type="list of float32",
        filled_by="scan",
        meaning="left, top, width and height of each of them, px of the upright image, one after "
        "the other",
        is_optional=True,
    ),
    Column(
        name="details",
        type="list of string",
        filled_by="scan",
        meaning="what else is known of each of them, as COCO writes it: JSON with `segmentation`, "
        "`keypoints`, `iscrowd`, `area`, …; null of an object of which nothing is",
        is_optional=True,
    ),
    Column(
        name="sharpness",
        type="float32",
        filled_by="scan",
        meaning="variance of the 3×3 Laplacian of luminance, squared grey levels",
    ),
    Column(
        name="brightness",
        type="float32",
        filled_by="scan",
        meaning="mean luminance, 0 black to 1 white",
    ),
    Column(
        name="contrast",
        type="float32",
        filled_by="scan",
        meaning="standard deviation of luminance, 0 to 0.5",
    ),
    Column(
        name="entropy",
        type="float32",
        filled_by="scan",
        meaning="entropy of the luminance histogram, 0 to 8 bits",
    ),
    Column(
        name="issues",
        type="list of string",
        filled_by="scan",
        meaning="`dark`, `bright`, `blurry`, `low_information`, `odd_size`, `odd_aspect_ratio`, "
        "`grayscale`, `truncated`; null for unreadable files",
    ),
    Column(
        name="container",
        type="string",
        filled_by="scan",
        meaning="path of the archive or table that holds the image, below the source; null for "
        "a file of its own",
        is_optional=True,
    ),
    Column(
        name="member",
        type="string",
        filled_by="scan",
        meaning="its name in there",
        is_optional=True,
    ),
    Column(
        name="row",
        type="int64",
        filled_by="scan",
        meaning="number of its row in the table, or of its line in a list of URLs, from 0; of a "
        "frame its time stamp in the clip",
        is_optional=True,
    ),
    Column(
        name="offset",
        type="int64",
        filled_by="scan",
        meaning="where its bytes begin in the archive; of a compressed one, in what it unpacks to",
        is_optional=True,
    ),
    Column(
        name="length",
        type="int64",
        filled_by="scan",
        meaning="how many bytes it takes there",
        is_optional=True,
    ),
    Column(
        name="version",
        type="string",
        filled_by="scan",
        meaning="what tells that the file or container is the one that was read: its ETag, or "
        "its time and size",
        is_optional=True,
    ),
    Column(
        name="taken_at",
        type="timestamp[ms]",
        filled_by="scan",
        meaning="when the picture was taken, by the camera's clock, of its EXIF: original, else "
        "digitized, else written; null if it does not say",
    ),
    Column(
        name="camera",
        type="string",
        filled_by="scan",
        meaning="maker and model of the camera, such as `Canon EOS 80D`, of its EXIF",
    ),
    Column(
        name="latitude",
        type="float64",
        filled_by="scan",
        meaning="where it was taken, degrees north, −90 to 90, of its EXIF",
    ),
    Column(
        name="longitude",
        type="float64",
        filled_by="scan",
        meaning="degrees east, −180 to 180, of its EXIF",
    ),
    Column(
        name="track",
        type="string",
        filled_by="scan",
        meaning="of a frame of a clip, the clip; `curate split` keeps a track undivided",
        is_optional=True,
    ),
    Column(name="cluster", type="int32", filled_by="cluster", meaning="number, 0 to N−1"),
    Column(
        name="cluster_N",
        type="int32",
        filled_by="cluster",
        meaning="with `--levels N,…`: cluster at that coarser level, a union of finer ones",
        is_optional=True,
    ),
    Column(
        name="cluster_similarity",
        type="float32",
        filled_by="cluster",
        meaning="cosine to the cluster's mean, of features averaged with those of the nearest "
        "images",
    ),
    Column(
        name="cluster_margin",
        type="float32",
        filled_by="cluster",
        meaning="`cluster_similarity` minus the cosine to the best other mean; below 0 only where "
        "`--assign balanced` or a coarser level moved the image",
    ),
    Column(
        name="outlier",
        type="float32",
        filled_by="cluster",
        meaning="how unlike the others the image is: mean distance to the nearest tenth of the "
        "folder, by features, light, colour, detail and size; 0 to 1",
    ),
    Column(
        name="isolation",
        type="float32",
        filled_by="cluster",
        meaning="1 − mean cosine to the 10 nearest images",
    ),
    Column(
        name="medoid",
        type="bool",
        filled_by="cluster",
        meaning="true for one image of each cluster, that of the highest mean cosine to the others",
    ),
    Column(
        name="label_suspect",
        type="float32",
        filled_by="cluster",
        meaning="where there are labels: share of the votes of the 10 nearest images that go to "
        "other labels, 0 to 1",
        is_optional=True,
    ),
    Column(
        name="scene",
        type="int32",
        filled_by="dedup",
        meaning="number of the images that show the same scene, template or burst, copies or not; "
        "null if alone",
    ),
    Column(
        name="group",
        type="int32",
        filled_by="dedup",
        meaning="number of the duplicate group; null if the image has no copy",
    ),
    Column(
        name="match",
        type="string",
        filled_by="dedup",
        meaning="strongest evidence that ties the image to the kept one: `file` (another name "
        "of it: a link), `bytes`, `pixels`, `near`, `scene`, `semantic`; `reviewed` where a person "
        "alone tied them",
    ),
    Column(
        name="duplicate_of",
        type="string",
        filled_by="dedup",
        meaning="path of the kept image, of a link the path of its file; null if this one stays",
    ),
    Column(
        name="similarity",
        type="float32",
        filled_by="dedup",
        meaning="probability that this very pair, the image and the kept one, is a copy, 0 to 1",
    ),
    Column(
        name="keep",
        type="bool",
        filled_by="dedup",
        meaning="true if the image stays, false if it need not be kept; null if it was not judged, "
        "as unreadable files never are: it stays",
    ),
    Column(
        name="keep_reason",
        type="string",
        filled_by="dedup",
        meaning="why the image does not stay; null if it does, or is unreadable",
    ),
    Column(
        name="label_conflict",
        type="bool",
        filled_by="dedup",
        meaning="where there are labels: true if the image's duplicate group has more than one",
        is_optional=True,
    ),
    Column(
        name="duplicate_of_hash",
        type="string",
        filled_by="dedup",
        meaning="with `--against`: SHA-256 of the kept image, hex, where only the other source "
        "has it; else null",
        is_optional=True,
    ),
    Column(
        name="selected",
        type="bool",
        filled_by="sample",
        meaning="true if the image is in the subset",
    ),
    Column(
        name="weight",
        type="float32",
        filled_by="sample",
        meaning="images that a selected one stands for (inverse inclusion probability); 0 if not "
        "selected",
    ),
    Column(
        name="split",
        type="string",
        filled_by="split",
        meaning="`train`, `val`, …; copies and `--by` groups share one; null for unreadable files",
    ),
    Column(
        name="cluster_name",
        type="string",
        filled_by="review",
        meaning="name that a person gave the cluster in `curate review`; clusters "
        "of one name are merged by it, a hidden one has an empty name",
        is_optional=True,
    ),
    Column(
        name="outlier_review",
        type="string",
        filled_by="review",
        meaning="what a person said of the outlier: `accept` or `reject`",
        is_optional=True,
    ),
    Column(
        name="label_review",
        type="string",
        filled_by="review",
        meaning="what a person said of a suspicious label: `accept`, it is right, or `reject`",
        is_optional=True,
    ),
    Column(
        name="pick",
        type="string",
        filled_by="review",
        meaning="what a person said of the image for a sample: `take` or `leave`",
        is_optional=True,
    ),
)
"""Every column that a stage fills; in a file, the optional ones of a stage follow its others."""


def filled_by(stage: str) -> tuple[Column, ...]:
    """Return the columns that a stage fills."""
    return tuple(column for column in COLUMNS if column.filled_by == stage)


ANNOTATIONS = ("label", "objects", "boxes", "details")
"""Columns that a scan fills only where it is told where labels come from."""


def find_filler(name: str) -> str | None:
    """Return the stage that fills a column, such as ``cluster_12``; None for a column of others."""
    listed = re.sub(r"^cluster_\d+$", "cluster_N", name)
    return next((column.filled_by for column in COLUMNS if column.name == listed), None)


_FILLERS = {"scan": "`curate dedup IMAGES`, with --labels for labels and boxes,"}


def hint_at_filler(name: str, *, otherwise: str) -> str:
    """Return what to do where a column is missing: which command fills it, or something else.

    Args:
        name: Of the column.
        otherwise: The other way out, such as "choose a column with --by".
    """
    stage = find_filler(name)
    if stage is None:
        return otherwise
    command = _FILLERS.get(stage, f"`curate {stage}`")
    return f"{command} fills it; or {otherwise}"


def fills_line(stage: str) -> str | None:
    """Return what a help text says of the columns that a stage fills; None if it fills none."""
    names = ", ".join(column.name for column in filled_by(stage))
    return f"Fills: {names}." if names else None
