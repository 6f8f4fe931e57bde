"""Whatever the tree, the manifest and the moment of a power cut: no content is lost."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import PruneConfig, prune, restore
from curate.choices import Removal
from curate.errors import InputError
from tests.removal.scenes import FragileDisk, PowerCut, snapshot, write_copies, write_files

NAMES = [f"{folder}{name}" for folder in ("", "x/", "x/y/") for name in ("a.jpg", "a.txt", "b.jpg")]
LINKS = ["l.jpg", "x/l.jpg"]
FOLDER_LINK = "z"
QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
CUT = st.none() | st.integers(0, 40)
UNDONE = [kind for kind in Removal if kind is not Removal.DELETE]

few = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize=True,
)


@st.composite
def scenes(draw, *, is_honest):
    """Draw files, links, which are said to be copies, and what happens to them afterwards."""
    contents = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from("pqr"), min_size=2))
    names = sorted(contents)
    scene = {
        "files": contents,
        "links": draw(st.dictionaries(st.sampled_from(LINKS), st.sampled_from(names))),
        "hard_links": draw(st.sampled_from([None, *names])),
        "folder_link": draw(st.booleans()),
    }
    shown = [*names, *scene["links"]]
    if scene["hard_links"]:
        shown.append("h.jpg")
    if scene["folder_link"]:
        shown += [f"{FOLDER_LINK}/{name[2:]}" for name in names if name.startswith("x/")]
    pairs = st.tuples(st.sampled_from(shown), st.sampled_from(shown))
    scene["copies"] = dict(draw(st.lists(pairs, max_size=6)))
    if is_honest:
        content = {name: content_of(scene, name) for name in shown}
        scene["copies"] = {
            copy: kept for copy, kept in scene["copies"].items() if content[copy] == content[kept]
        }
    scene["changes"] = draw(
        st.dictionaries(st.sampled_from(names), st.sampled_from(["new", "gone"]), max_size=2)
    )
    return scene


def content_of(scene, name):
    if name == "h.jpg":
        name = scene["hard_links"]
    if name.startswith(f"{FOLDER_LINK}/"):
        name = f"x/{name.partition('/')[2]}"
    return scene["files"][scene["links"].get(name, name)]


def build(root, scene):
    """Write a scene; return its source and manifest."""
    source = write_files(root / "source", scene["files"])
    (source / "x").mkdir(exist_ok=True)
    for link, target in scene["links"].items():
        (source / link).symlink_to(source / target)
    if scene["hard_links"]:
        (source / "h.jpg").hardlink_to(source / scene["hard_links"])
    if scene["folder_link"]:
        (source / FOLDER_LINK).symlink_to("x")
    shown = {path.as_posix() for path in listed(source)}
    copies = {c: k for c, k in scene["copies"].items() if {c, k} <= shown and c != k}
    manifest = write_copies(root / "m.parquet", source, copies, paths=shown)
    for name, change in scene["changes"].items():
        (source / name).unlink()
        if change == "new":
            (source / name).write_text(f"new {name}")
    return source, manifest


def listed(source):
    return [
        Path(top, name).relative_to(source)
        for top, _, names in os.walk(source, followlinks=True)
        for name in names
        if Path(top, name).is_file()
    ]


def contents(root):
    """Return all that is in any file of a folder."""
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    return {path.read_bytes() for path in files if path.name != "m.parquet"}


def act(action, root, **more):
    to = root / "away" if action is Removal.MOVE else None
    return PruneConfig(action=action, to=to, is_plan=False, **more)


def run_until_cut(call, root, n_steps, *, is_across):
    with suppress(PowerCut):
        call(FragileDisk(root / "trash", n_steps=n_steps, is_across=is_across))


@pytest.mark.slow
@pytest.mark.parametrize("action", UNDONE)
@settings(few, max_examples=400)
@given(
    scene=scenes(is_honest=False),
    cut=CUT,
    restore_cut=CUT,
    is_across=st.booleans(),
    sidecars=st.booleans(),
)
def test_all_comes_back_whenever_the_power_is_cut(
    action, scene, cut, restore_cut, is_across, sidecars
):
    more = {"sidecars": sidecars and action in (Removal.MOVE, Removal.TRASH)}
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        root = Path(folder).resolve()
        source, manifest = build(root, scene)
        before, held = snapshot(source), contents(root)
        journal = root / "j.jsonl"
        config = act(action, root, **more)
        run_until_cut(
            lambda disk: prune(manifest, config, journal=journal, disk=disk),
            root, cut, is_across=is_across,
        )  # fmt: skip
        assert held <= contents(root)
        with suppress(InputError):  # cut before the journal was begun: nothing was done
            run_until_cut(
                lambda disk: restore(journal, disk=disk), root, restore_cut, is_across=is_across
            )
            assert held <= contents(root)
            run_until_cut(lambda disk: restore(journal, disk=disk), root, None, is_across=is_across)
        assert snapshot(source) == before
        assert not [path for path in root.rglob("*") if path.name.startswith(".curate-")]
        assert not list((root / "away").rglob("*.*"))


@pytest.mark.slow
@settings(few, max_examples=500)
@given(scene=scenes(is_honest=True), cut=CUT)
def test_deleting_equal_copies_loses_nothing(scene, cut):
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        root = Path(folder).resolve()
        _, manifest = build(root, scene)
        held = contents(root)
        run_until_cut(
            lambda disk: prune(
                manifest, act(Removal.DELETE, root), journal=root / "j.jsonl", disk=disk
            ),
            root, cut, is_across=False,
        )  # fmt: skip
        assert held <= contents(root)


@pytest.mark.slow
@settings(few, max_examples=400)
@given(scene=scenes(is_honest=False), cut=CUT)
def test_what_is_deleted_was_a_named_copy_whose_kept_file_is_there(scene, cut):
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        root = Path(folder).resolve()
        source, manifest = build(root, scene)
        before = snapshot(source)
        run_until_cut(
            lambda disk: prune(
                manifest, act(Removal.DELETE, root), journal=root / "j.jsonl", disk=disk
            ),
            root, cut, is_across=False,
        )  # fmt: skip
        with suppress(InputError):  # what was renamed and not deleted yet comes back
            restore(root / "j.jsonl", disk=FragileDisk(root / "trash"))
        after = snapshot(source)
        for name in set(before) - set(after):
            assert (source / scene["copies"][name]).is_file()
        assert all(after[name] == before[name] for name in set(before) & set(after))
