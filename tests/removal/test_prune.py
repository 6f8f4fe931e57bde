"""What goes, what is left, and that all of it comes back."""

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate import DedupConfig, PruneConfig, dedup, prune, restore
from curate.choices import Removal
from curate.cli.app import main
from curate.errors import CurateError, InputError, ResourceError, UsageError
from curate.removal.disk import Disk
from curate.removal.prune_files import SAME_FILE
from tests.conftest import picture, save
from tests.removal.scenes import FragileDisk, PowerCut, snapshot, write_copies, write_files

TREE = {"a.jpg": "one", "deep/b.jpg": "one", "deep/c.jpg": "two", "d.jpg": "three"}


@pytest.fixture
def source(tmp_path):
    return write_files(tmp_path / "source", TREE)


@pytest.fixture
def manifest(source, tmp_path):
    return write_copies(tmp_path / "m.parquet", source, {"deep/b.jpg": "a.jpg"})


def act(action, **settings):
    return PruneConfig(action=action, is_plan=False, **settings)


def test_without_a_word_nothing_is_touched(manifest, source, tmp_path):
    result = prune(manifest)
    assert (result.n_images, result.bytes, result.by_match) == (1, 3, {"bytes": 1})
    assert result.examples == [("deep/b.jpg", str(source / "a.jpg"))]
    assert snapshot(source) == TREE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.parquet", "source"]


def test_moved_files_keep_their_tree_and_come_back(manifest, source, tmp_path):
    times = (source / "deep/b.jpg").stat().st_mtime_ns
    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away"))
    assert snapshot(tmp_path / "away") == {"deep/b.jpg": "one"}
    assert "deep/b.jpg" not in snapshot(source)
    assert restore(result.journal).n_back == 1
    assert snapshot(source) == TREE
    assert (source / "deep/b.jpg").stat().st_mtime_ns == times
    assert not (tmp_path / "away").exists()
    again = restore(result.journal)
    assert (again.n_back, again.n_there) == (0, 1)


def test_a_file_that_is_there_already_is_not_replaced_by_a_moved_one(manifest, source, tmp_path):
    write_files(tmp_path / "away", {"deep/b.jpg": "somebody's"})
    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away"))
    assert snapshot(tmp_path / "away") == {"deep/b-2.jpg": "one", "deep/b.jpg": "somebody's"}
    restore(result.journal)
    assert snapshot(tmp_path / "away") == {"deep/b.jpg": "somebody's"}


def test_a_numbered_name_is_promised_to_one_file_only(tmp_path):
    files = {"a.jpg": "one", "b.jpg": "one", "b-2.jpg": "one", "c.jpg": "two", "c-2.jpg": "one"}
    source = write_files(tmp_path / "source", files)
    taken = {"b.jpg": "somebody's", "c-2.jpg": "somebody's"}
    write_files(tmp_path / "away", taken)
    copies = {"b.jpg": "a.jpg", "b-2.jpg": "a.jpg", "c-2.jpg": "a.jpg"}
    manifest = write_copies(tmp_path / "m.parquet", source, copies)
    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away"))
    assert (result.n_images, result.left) == (3, {})
    moved = dict.fromkeys(("b-2.jpg", "b-3.jpg", "c-2-2.jpg"), "one")
    assert snapshot(tmp_path / "away") == taken | moved
    assert restore(result.journal).n_back == 3
    assert (snapshot(source), snapshot(tmp_path / "away")) == (files, taken)


@pytest.mark.parametrize("text", ["one", "other"])
def test_a_name_that_another_took_meanwhile_stays_its_own(manifest, source, tmp_path, text):
    class Taken(Disk):
        def link(self, file, name):
            name.write_text(text)
            super().link(file, name)

    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away"), disk=Taken())
    assert result.left == {"it cannot be removed: File exists": 1}
    assert snapshot(source) == TREE
    assert snapshot(tmp_path / "away") == {"deep/b.jpg": text}
    restore(result.journal)
    assert snapshot(source) == TREE
    assert snapshot(tmp_path / "away") == {"deep/b.jpg": text}


@pytest.mark.parametrize("is_across", [False, True])
def test_a_file_whose_old_name_cannot_go_has_no_second_one(manifest, source, tmp_path, is_across):
    class Sticky(FragileDisk):
        def unlink(self, name):
            if name == source / "deep/b.jpg":
                raise PermissionError(errno.EPERM, "Operation not permitted")
            super().unlink(name)

    disk = Sticky(tmp_path / "trash", is_across=is_across)
    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away"), disk=disk)
    assert result.left == {"it cannot be removed: Operation not permitted": 1}
    assert (snapshot(source), snapshot(tmp_path / "away")) == (TREE, {})


def test_a_link_that_a_crash_left_beside_a_file_does_not_keep_it_from_becoming_one(
    manifest, source, tmp_path
):
    with pytest.raises(PowerCut):
        prune(manifest, act(Removal.HARDLINK), disk=FragileDisk(tmp_path / "trash", n_steps=4))
    assert len(list((source / "deep").iterdir())) == 3
    assert prune(manifest, act(Removal.HARDLINK)).n_images == 1
    assert (source / "deep/b.jpg").samefile(source / "a.jpg")
    assert snapshot(source) == TREE


def test_a_hard_link_has_the_same_bytes_and_becomes_a_file_of_its_own_again(manifest, source):
    (source / "deep/b.jpg").chmod(0o600)
    result = prune(manifest, act(Removal.HARDLINK))
    assert (source / "deep/b.jpg").samefile(source / "a.jpg")
    restore(result.journal)
    assert snapshot(source) == TREE
    assert not (source / "deep/b.jpg").samefile(source / "a.jpg")
    assert (source / "deep/b.jpg").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fate", ["renamed", "renamed, of equal time", "deleted"])
def test_a_hard_link_whose_kept_file_went_becomes_a_file_of_its_own(manifest, source, fate):
    copy, kept = source / "deep/b.jpg", source / "a.jpg"
    copy.chmod(0o600)
    kept.chmod(0o600)
    os.utime(copy, ns=(5, 7_000_000_000))
    os.utime(kept, ns=(5, 7_000_000_000 + ("equal" not in fate)))
    journal = prune(manifest, act(Removal.HARDLINK)).journal
    if fate == "deleted":
        kept.unlink()
    else:
        kept.rename(source / "r.jpg")
    assert restore(journal).n_back == 1
    facts = copy.stat()
    assert (copy.read_text(), facts.st_nlink, facts.st_mtime_ns) == ("one", 1, 7_000_000_000)
    assert restore(journal).n_there == 1


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (Removal.TRASH, "left, since another file has its place"),
        (Removal.MOVE, "left, since another file has its place"),
        (Removal.HARDLINK, "left, since it was changed after it went"),
        (Removal.REFLINK, "left, since it was changed after it went"),
        (Removal.DELETE, "deleted, which nothing undoes"),
    ],
)
def test_another_file_in_the_place_of_one_is_not_taken_for_it(
    manifest, source, tmp_path, action, why
):
    disk = FragileDisk(tmp_path / "trash")
    to = tmp_path / "away" if action is Removal.MOVE else None
    journal = prune(manifest, act(action, to=to), disk=disk).journal
    (source / "deep/b.jpg").unlink(missing_ok=True)
    (source / "deep/b.jpg").write_text("somebody's")
    said = restore(journal, disk=disk)
    assert (said.n_back, said.n_there, said.missing) == (0, 0, {why: 1})
    assert snapshot(source) == TREE | {"deep/b.jpg": "somebody's"}
    for place in ("trash/files", "away"):
        if (tmp_path / place).is_dir():
            shutil.rmtree(tmp_path / place)
            (why,) = restore(journal, disk=disk).missing
            assert why == "gone, and another file or a changed one has its place"


@pytest.mark.parametrize("action", [kind for kind in Removal if kind is not Removal.MOVE])
def test_a_file_that_was_left_since_it_changed_is_there_already(manifest, source, tmp_path, action):
    (source / "deep/b.jpg").write_text("new")
    disk = FragileDisk(tmp_path / "trash")
    result = prune(manifest, act(action), disk=disk)
    assert result.n_images == 0
    assert restore(result.journal, disk=disk).n_there == 1


def test_owner_and_attributes_come_back_after_a_hard_link(manifest, source):
    file, kept = source / "deep/b.jpg", source / "a.jpg"
    try:
        os.setxattr(file, "user.rating", b"5\xff")
        os.setxattr(kept, "user.of_kept", b"1")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    if os.getuid() == 0:
        os.chown(file, 12, 34)
    os.utime(file, ns=(5, 1_234_567_891))
    before = file.stat()
    restore(prune(manifest, act(Removal.HARDLINK)).journal)
    after = file.stat()
    assert {name: os.getxattr(file, name) for name in os.listxattr(file)} == {
        "user.rating": b"5\xff"
    }
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_a_journal_without_owner_and_attributes_is_restored_too(manifest, source):
    journal = Path(prune(manifest, act(Removal.HARDLINK)).journal)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines[1:]:
        line.pop("owner", None)
        line.pop("attributes", None)
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    restore(journal)
    assert snapshot(source) == TREE
    assert not (source / "deep/b.jpg").samefile(source / "a.jpg")


def test_copies_that_are_not_equal_in_bytes_are_never_linked(source, tmp_path):
    manifest = write_copies(tmp_path / "m.parquet", source, {"d.jpg": "a.jpg"}, match="near")
    assert prune(manifest, act(Removal.HARDLINK)).n_images == 0
    lying = write_copies(tmp_path / "m.parquet", source, {"d.jpg": "a.jpg"}, match="bytes")
    assert prune(lying, act(Removal.HARDLINK)).n_images == 0
    assert snapshot(source) == TREE


def test_deleted_files_are_gone_and_restore_says_so(manifest, source):
    result = prune(manifest, act(Removal.DELETE))
    assert "deep/b.jpg" not in snapshot(source)
    said = restore(result.journal)
    assert said.missing == {"deleted, which nothing undoes": 1}
    assert said.examples == [f"{source / 'deep/b.jpg'}: deleted, which nothing undoes"]


def test_the_trash_of_the_desktop_gives_files_back(manifest, source, tmp_path):
    code = (
        "import sys; from curate import PruneConfig, prune, restore\n"
        "from curate.choices import Removal\n"
        "done = prune(sys.argv[1], PruneConfig(action=Removal.TRASH, is_plan=False))\n"
        "print(done.n_images, __import__('os').path.exists(sys.argv[2]))\n"
        "print(restore(done.journal).n_back)"
    )
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(manifest), str(source / "deep/b.jpg")],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["1", "False", "1"], done.stderr
    assert snapshot(source) == TREE


def test_a_disk_that_shares_no_blocks_is_told_before_anything_is_lost(manifest, source):
    class NoBlocks(Disk):
        def clone(self, file, name):
            name.touch()
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    with pytest.raises(ResourceError, match="cannot share") as caught:
        prune(manifest, act(Removal.REFLINK), disk=NoBlocks())
    assert "--hardlink" in caught.value.hint
    assert snapshot(source) == TREE


@pytest.mark.parametrize("changed", ["deep/b.jpg", "a.jpg"])
def test_a_file_changed_since_is_left_and_so_is_the_copy_of_one(manifest, source, changed):
    (source / changed).write_text("new")
    result = prune(manifest, act(Removal.DELETE))
    assert result.n_images == 0
    assert sum(result.left.values()) == 1
    assert snapshot(source) == TREE | {changed: "new"}


@pytest.mark.parametrize("harm", ["gone", "unreadable", "folder"])
def test_a_copy_stays_where_the_kept_file_cannot_be_proved(manifest, source, harm):
    kept = source / "a.jpg"
    if harm == "unreadable":
        if os.geteuid() == 0:
            pytest.skip("root reads everything")
        kept.chmod(0)
    else:
        kept.unlink()
    if harm == "folder":
        kept.mkdir()
    result = prune(manifest, act(Removal.DELETE))
    assert result.n_images == 0
    assert (source / "deep/b.jpg").read_text() == "one"


def test_the_journal_says_which_files_were_left_and_why(manifest, source):
    (source / "deep/b.jpg").write_text("new")
    result = prune(manifest, act(Removal.DELETE))
    lines = [json.loads(line) for line in Path(result.journal).read_text().splitlines()]
    assert [line["reason"] for line in lines if line.get("left") == "deep/b.jpg"] == [
        "it was changed since the manifest was written"
    ]


def test_a_link_goes_as_a_name_and_its_target_stays(source, tmp_path):
    (source / "link.jpg").symlink_to("a.jpg")
    manifest = write_copies(tmp_path / "m.parquet", source, {"link.jpg": "a.jpg"}, match="file")
    prune(manifest, act(Removal.DELETE))
    assert snapshot(source) == TREE


def test_the_kept_file_seen_through_a_linked_folder_is_not_removed(source, tmp_path):
    (source / "mirror").symlink_to("deep")
    write_files(source, {"deep/x.jpg": "only here"})
    manifest = write_copies(
        tmp_path / "m.parquet", source, {"mirror/x.jpg": "deep/x.jpg"}, match="file"
    )
    result = prune(manifest, act(Removal.DELETE))
    assert result.n_images == 0
    assert (source / "deep/x.jpg").read_text() == "only here"


@pytest.mark.parametrize("action", list(Removal))
def test_the_only_file_stays_when_a_mount_shows_it_twice(source, tmp_path, monkeypatch, action):
    write_files(source, {"real/x.jpg": "x"})
    (source / "mount").symlink_to("real")
    to = tmp_path / "away" if action is Removal.MOVE else None
    # a link that nobody sees through is what a mount is
    monkeypatch.setattr(os.path, "realpath", lambda path, **_: os.path.abspath(path))
    for gone, kept in [("mount/x.jpg", "real/x.jpg"), ("real/x.jpg", "mount/x.jpg")]:
        paths = ["mount/x.jpg", "real/x.jpg"]
        manifest = write_copies(tmp_path / "m.parquet", source, {gone: kept}, paths=paths)
        with suppress(CurateError):  # a disk may have no trash, or share no blocks
            assert prune(manifest, act(action, to=to)).left == {SAME_FILE: 1}
        assert (source / "real/x.jpg").read_text() == "x"
        assert [one.name for one in (source / "real").iterdir()] == ["x.jpg"]


def test_a_file_stays_when_the_kept_one_is_a_link_to_it(source, tmp_path):
    (source / "a.jpg").unlink()
    (source / "a.jpg").symlink_to("deep/b.jpg")
    manifest = write_copies(tmp_path / "m.parquet", source, {"deep/b.jpg": "a.jpg"})
    for action in (Removal.DELETE, Removal.TRASH, Removal.HARDLINK):
        prune(manifest, act(action), disk=FragileDisk(tmp_path / "trash"))
        assert (source / "a.jpg").read_text() == "one"
        assert not (source / "deep/b.jpg").is_symlink()


def test_of_copies_that_name_each_other_one_stays(source, tmp_path):
    manifest = write_copies(
        tmp_path / "m.parquet", source, {"deep/b.jpg": "a.jpg", "a.jpg": "deep/b.jpg"}
    )
    assert prune(manifest, act(Removal.DELETE)).n_images == 0
    assert snapshot(source) == TREE


def test_paths_that_lead_out_of_the_source_are_left(tmp_path, source):
    write_files(tmp_path / "other", {"x.jpg": "one"})
    (source / "out").symlink_to(tmp_path / "other")
    manifest = write_copies(tmp_path / "m.parquet", source, {"out/x.jpg": "a.jpg"})
    assert prune(manifest, act(Removal.DELETE)).n_images == 0
    assert snapshot(tmp_path / "other") == {"x.jpg": "one"}


def test_copies_are_chosen_by_evidence_probability_and_expression(source, tmp_path):
    copies = {"deep/b.jpg": "a.jpg", "deep/c.jpg": "a.jpg", "d.jpg": "a.jpg"}
    match = {"deep/b.jpg": "bytes", "deep/c.jpg": "pixels", "d.jpg": "near"}
    manifest = write_copies(tmp_path / "m.parquet", source, copies, match=match)
    assert prune(manifest).n_images == 3
    assert prune(manifest, PruneConfig(match="pixels")).by_match == {"bytes": 1, "pixels": 1}
    assert prune(manifest, PruneConfig(where="path like 'deep/%'")).n_images == 2
    assert prune(manifest, PruneConfig(at_least=1.0)).n_images == 3
    with pytest.raises(UsageError, match="no evidence"):
        prune(manifest, PruneConfig(match="twins"))


def test_copies_that_a_person_alone_confirmed_go_before_nearly_equal_ones(source, tmp_path):
    copies = {"deep/b.jpg": "a.jpg", "deep/c.jpg": "a.jpg", "d.jpg": "a.jpg"}
    match = {"deep/b.jpg": "pixels", "deep/c.jpg": "reviewed", "d.jpg": "near"}
    manifest = write_copies(tmp_path / "m.parquet", source, copies, match=match)
    assert prune(manifest).by_match == {"pixels": 1, "reviewed": 1, "near": 1}
    assert prune(manifest, PruneConfig(match="reviewed")).by_match == {"pixels": 1, "reviewed": 1}
    assert prune(manifest, PruneConfig(match="pixels")).by_match == {"pixels": 1}
    assert prune(manifest, act(Removal.DELETE)).n_images == 3


def test_every_row_that_need_not_be_kept_is_chosen_or_passed_over_with_a_reason(source, tmp_path):
    write_files(source, {"e.jpg": "one", "f.jpg": "one", "g.jpg": "g"})
    copies = dict.fromkeys(("deep/b.jpg", "deep/c.jpg", "d.jpg", "e.jpg"), "a.jpg")
    match = {"deep/b.jpg": "bytes", "deep/c.jpg": "pixels", "d.jpg": "near", "e.jpg": "hearsay"}
    manifest = write_copies(
        tmp_path / "m.parquet", source, copies, match=match, dropped=["f.jpg", "g.jpg"]
    )
    always = {
        "the manifest names no file that stays for it": 2,
        "the manifest does not say by what it is a copy": 1,
    }
    for config, more in (
        (PruneConfig(), {}),
        (PruneConfig(match="pixels"), {"its evidence is weaker than pixels": 1}),
        (PruneConfig(action="hardlink"), {"it has not the bytes of the file that stays for it": 2}),
        (PruneConfig(where="path != 'd.jpg'"), {"--where leaves it out": 1}),
    ):
        result = prune(manifest, config)
        assert result.passed_over == always | more
        assert result.n_images + sum(result.passed_over.values()) == 6
    done = prune(manifest, act(Removal.DELETE, match="bytes"))
    assert done.passed_over == always | {"its evidence is weaker than bytes": 2}


def test_unreadable_files_are_moved_away_and_come_back(source, tmp_path):
    manifest = write_copies(tmp_path / "m.parquet", source, {}, unreadable=["deep/c.jpg"])
    config = PruneConfig(unreadable=tmp_path / "broken", is_plan=False)
    result = prune(manifest, config)
    assert (result.n_unreadable, result.n_images) == (1, 0)
    assert snapshot(tmp_path / "broken") == {"deep/c.jpg": "two"}
    restore(result.journal)
    assert snapshot(source) == TREE


def test_sidecars_go_with_their_image_and_shared_ones_stay(tmp_path):
    files = {
        "images/a.jpg": "one", "images/b.jpg": "one", "images/b.txt": "cat",
        "images/b.jpg.json": "{}", "labels/b.txt": "0 1 1", "labels/a.txt": "0 2 2",
        "images/c.jpg": "one", "images/c.png": "other", "images/c.txt": "of both",
    }  # fmt: skip
    source = write_files(tmp_path / "set", files) / "images"
    manifest = write_copies(tmp_path / "m.parquet", source, {"b.jpg": "a.jpg", "c.jpg": "a.jpg"})
    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away", sidecars=True))
    assert (result.n_images, result.n_sidecars) == (2, 3)
    assert set(snapshot(tmp_path / "away")) == {
        "b.jpg", "b.txt", "b.jpg.json", "labels/b.txt", "c.jpg",
    }  # fmt: skip
    assert (source / "c.txt").exists()
    restore(result.journal)
    assert snapshot(tmp_path / "set") == files


@pytest.mark.parametrize(
    ("folder", "sidecar", "place"),
    [
        ("images/train", "labels/train/b.txt", "labels/train/b.txt"),
        ("images/train/x", "labels/train/x/b.txt", "labels/train/x/b.txt"),
        ("train/images", "train/labels/b.txt", "labels/b.txt"),
        ("JPEGImages/2007", "Annotations/2007/b.xml", "Annotations/2007/b.xml"),
    ],
)
def test_annotations_beside_a_part_of_a_set_go_too(tmp_path, folder, sidecar, place):
    files = {f"{folder}/a.jpg": "one", f"{folder}/b.jpg": "one", sidecar: "0 1 1"}
    source = write_files(tmp_path / "set", files) / folder
    manifest = write_copies(tmp_path / "m.parquet", source, {"b.jpg": "a.jpg"})
    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away", sidecars=True))
    assert (result.n_images, result.n_sidecars) == (1, 1)
    assert snapshot(tmp_path / "away") == {"b.jpg": "one", place: "0 1 1"}
    assert restore(result.journal).n_back == 2
    assert snapshot(tmp_path / "set") == files


def test_sidecars_of_one_name_from_two_trees_are_both_moved(tmp_path):
    files = {
        "images/a.jpg": "one", "images/b.jpg": "one", "labels/b.txt": "0 1 1",
        "images/labels/b.jpg": "one", "images/labels/b.txt": "0 2 2",
    }  # fmt: skip
    source = write_files(tmp_path / "set", files) / "images"
    copies = {"b.jpg": "a.jpg", "labels/b.jpg": "a.jpg"}
    manifest = write_copies(tmp_path / "m.parquet", source, copies, paths=["a.jpg"])
    result = prune(manifest, act(Removal.MOVE, to=tmp_path / "away", sidecars=True))
    assert (result.n_sidecars, result.left) == (2, {})
    assert {"labels/b.txt", "labels/b-2.txt"} <= set(snapshot(tmp_path / "away"))
    restore(result.journal)
    assert snapshot(tmp_path / "set") == files


def test_what_does_not_go_together_is_refused(manifest, source, tmp_path):
    with pytest.raises(UsageError, match="what to do"):
        PruneConfig(is_plan=False)
    with pytest.raises(UsageError, match="stay where"):
        act(Removal.HARDLINK, sidecars=True)
    with pytest.raises(UsageError, match="lie in each other"):
        prune(manifest, act(Removal.MOVE, to=source / "away"))
    with pytest.raises(InputError, match="is not a journal"):
        restore(manifest)
    journal = prune(manifest, act(Removal.DELETE)).journal
    with pytest.raises(InputError, match="never written over"):
        prune(manifest, act(Removal.DELETE), journal=journal)


def test_a_manifest_without_copies_says_how_to_find_them(source, tmp_path):
    from tests.stages.made_manifest import write_made_manifest

    manifest = write_made_manifest(tmp_path / "m.parquet", {"a.jpg": "0"})
    with pytest.raises((UsageError, InputError)) as caught:
        prune(manifest)
    assert caught.value.hint


def test_the_source_of_a_lost_disk_is_told(source, tmp_path):
    manifest = write_copies(tmp_path / "m.parquet", source, {})
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no folder here"):
        prune(manifest)


def test_nothing_is_restored_to_a_source_that_is_no_folder_any_more(manifest, source, tmp_path):
    journal = prune(manifest, act(Removal.MOVE, to=tmp_path / "away")).journal
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no folder here") as caught:
        restore(journal)
    assert "old name" in caught.value.hint
    assert not source.exists()
    (tmp_path / "elsewhere").rename(source)
    assert restore(journal).n_back == 1


@pytest.mark.parametrize("config", [PruneConfig(), PruneConfig(unreadable=Path("broken"))])
def test_a_manifest_that_says_no_sizes_is_told(manifest, config):
    table = pq.read_table(manifest)
    pq.write_table(table.drop_columns(["bytes"]), manifest)
    with pytest.raises(UsageError, match="no column 'bytes'") as caught:
        prune(manifest, config)
    assert "curate dedup" in caught.value.hint


def test_unreadable_files_go_without_a_search_for_copies(source, tmp_path):
    manifest = write_copies(tmp_path / "m.parquet", source, {}, unreadable=["deep/c.jpg"])
    table = pq.read_table(manifest)
    pq.write_table(table.drop_columns(["keep", "match", "duplicate_of"]), manifest)
    assert prune(manifest, PruneConfig(unreadable=tmp_path / "broken")).n_unreadable == 1
    config = PruneConfig(unreadable=tmp_path / "broken", is_plan=False)
    assert prune(manifest, config).n_unreadable == 1
    assert snapshot(tmp_path / "broken") == {"deep/c.jpg": "two"}


@pytest.mark.parametrize("place", ["file", "file/below"])
@pytest.mark.parametrize("is_plan", [True, False])
def test_a_file_in_the_place_of_the_folder_to_move_to_is_told_first(
    manifest, source, tmp_path, place, is_plan
):
    (tmp_path / "file").touch()
    for config in (
        PruneConfig(action=Removal.MOVE, to=tmp_path / place, is_plan=is_plan),
        PruneConfig(unreadable=tmp_path / place, is_plan=is_plan),
    ):
        with pytest.raises(InputError, match="file is a file, not a folder"):
            prune(manifest, config)
    assert snapshot(source) == TREE
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_plain_disk_knows_the_trash_folders_near_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert tmp_path / "Trash" not in Disk().trash_folders(tmp_path / "a.jpg")
    (tmp_path / "Trash" / "info").mkdir(parents=True)
    assert tmp_path / "Trash" in Disk().trash_folders(tmp_path / "a.jpg")


@pytest.fixture
def leaks(tmp_path):
    """A manifest of images of which two are copies of a file of another folder."""
    save(tmp_path / "test" / "0.png", picture(0))
    for name in ("near.jpg", "pixels.bmp"):
        save(tmp_path / "train" / name, picture(0))
    save(tmp_path / "train" / "own.png", picture(1))
    (tmp_path / "train" / "bytes.png").write_bytes((tmp_path / "test" / "0.png").read_bytes())
    out = tmp_path / "leaks.parquet"
    folder, space = tmp_path / "train", tmp_path / ".curate"
    dedup(folder, DedupConfig(), out=out, against=tmp_path / "test", workspace=space)
    return out


def test_near_copies_of_another_folder_go_while_its_file_is_proved(leaks, tmp_path):
    result = prune(leaks, act(Removal.MOVE, to=tmp_path / "away"))
    assert result.by_match == {"bytes": 1, "pixels": 1, "near": 1}
    assert (result.n_images, result.left) == (3, {})
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == ["own.png"]
    assert (tmp_path / "test" / "0.png").is_file()
    assert restore(result.journal).n_back == 3


def test_copies_of_a_file_of_another_folder_stay_when_it_was_changed(leaks, tmp_path):
    save(tmp_path / "test" / "0.png", picture(2))
    result = prune(leaks, act(Removal.DELETE))
    assert (result.n_images, sum(result.left.values())) == (0, 3)
    assert set(result.left) == {"the file that stays for it is gone, unreadable or changed"}
    assert len(list((tmp_path / "train").iterdir())) == 4


def test_a_prune_that_touches_nothing_leaves_no_journal_and_exits_as_restore_does(
    manifest, source, tmp_path, capsys
):
    away = act(Removal.MOVE, to=tmp_path / "away")
    first = prune(manifest, away)
    assert Path(first.journal).is_file()
    before = sorted(tmp_path.iterdir())
    again = prune(manifest, away)
    assert (again.n_images, again.journal) == (0, None)
    assert again.left == {"it is not there any more": 1}
    with pytest.raises(SystemExit) as caught:
        main(["prune", str(manifest), "--move", str(tmp_path / "away"), "--yes"])
    assert caught.value.code == 3
    assert capsys.readouterr().err.splitlines()[-1] == (
        "no file was touched, and no journal is kept"
    )
    assert sorted(tmp_path.iterdir()) == before
