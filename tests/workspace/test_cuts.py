import os

import pytest

from curate.workspace.cuts import cut_path, drop_old_cuts, evidence_path, use_cut


@pytest.fixture
def cuts(workspace, tmp_path):
    """Return three cuts of 100 bytes, each with evidence of 50, oldest first."""
    (workspace.root / "cuts").mkdir(parents=True)
    workspace.evidence.mkdir()
    made = []
    for number, name in enumerate(("at-0.9", "at-0.95", "from-0.5")):
        path = cut_path(workspace, tmp_path / "m.parquet", name)
        path.write_bytes(bytes(100))
        evidence_path(workspace, path).write_bytes(bytes(50))
        os.utime(path, (1000 + number, 1000 + number))
        made.append(path)
    own = tmp_path / "m.parquet"
    own.write_bytes(bytes(1000))
    evidence_path(workspace, own).write_bytes(bytes(1000))
    with workspace.writing():
        for path in (own, *made):
            workspace.remember(manifest=path)
    return made


def left(workspace, cuts):
    """Return which cuts are there, and that their evidence goes with them."""
    there = [path.exists() for path in cuts]
    assert there == [evidence_path(workspace, path).exists() for path in cuts]
    return there


def test_the_least_recently_used_go_first_with_their_evidence(workspace, cuts, tmp_path):
    use_cut(workspace, cuts[0])
    drop_old_cuts(workspace, cuts[2], most_bytes=300)
    assert left(workspace, cuts) == [True, False, True]
    assert evidence_path(workspace, tmp_path / "m.parquet").stat().st_size == 1000


def test_the_newest_stays_whatever_it_takes(workspace, cuts):
    drop_old_cuts(workspace, cuts[1], most_bytes=10)
    assert left(workspace, cuts) == [False, True, False]


def test_all_stay_while_there_is_room_and_none_is_the_newest_manifest(workspace, cuts, tmp_path):
    drop_old_cuts(workspace, cuts[2], most_bytes=450)
    assert left(workspace, cuts) == [True, True, True]
    assert workspace.newest_manifest() == tmp_path / "m.parquet"


def test_a_manifest_of_a_person_is_not_touched(workspace, cuts, tmp_path):
    os.utime(tmp_path / "m.parquet", (7, 7))
    use_cut(workspace, tmp_path / "m.parquet")
    assert (tmp_path / "m.parquet").stat().st_mtime == 7
