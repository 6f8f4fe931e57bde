"""Verify and repair: evidence of results and of pairs, which is found out again."""

import shutil

import pytest

import curate
from curate.errors import InputError
from curate.workspace.integrity import Damaged


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with images, a workspace and a manifest of copies."""
    from tests.conftest import make_folder, picture, save

    root = tmp_path_factory.mktemp("verify")
    make_folder(root / "images", 12)
    for seed in range(3):  # near copies: their evidence is stored
        save(root / "images" / f"near{seed}.jpg", picture(seed), quality=60)
    curate.dedup(root / "images", out=root / "m.parquet", workspace=root / ".curate")
    return root


@pytest.fixture
def place(made, tmp_path):
    """Return a copy of it, with the result of a search there."""
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


def search(place):
    return curate.dedup(place / "images", out=place / "m.parquet", workspace=place / ".curate")


def flip(path):
    """Turn one bit in the middle of a file around."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def list_found(place, **options):
    return curate.verify(workspace=place / ".curate", **options)


def test_a_whole_workspace_has_no_damage_and_its_files_are_counted(place):
    search(place)
    done = list_found(place)
    files = [path for path in (place / ".curate").rglob("*") if path.is_file()]
    assert (done.found, done.left) == ([], [])
    assert (done.n_files, done.bytes) == (len(files), sum(p.stat().st_size for p in files))


def test_damaged_evidence_of_a_result_is_named_forgotten_and_written_again(place):
    result = search(place)
    pairs = result.pairs
    stored = (place / ".curate" / "evidence").glob("*[!w].parquet")
    evidence = max(stored, key=lambda path: path.stat().st_mtime_ns)
    flip(evidence)
    with pytest.raises(Damaged) as damage:
        _ = result.pairs
    assert damage.value.hint == "run `curate dedup` again"
    (found,) = list_found(place).found
    assert found.path == f"evidence/{evidence.name}"
    assert list_found(place, repairs=True).left == []
    assert not evidence.exists()
    assert search(place).pairs.equals(pairs.table)


def test_damaged_pairs_below_the_cut_are_named_and_written_again(place):
    search(place)
    stored = (place / ".curate" / "evidence").glob("*-below.parquet")
    below = max(stored, key=lambda path: path.stat().st_mtime_ns)
    whole = below.read_bytes()
    flip(below)
    (found,) = list_found(place).found
    assert found.path == f"evidence/{below.name}"
    assert list_found(place, repairs=True).left == []
    search(place)
    assert below.read_bytes() == whole


@pytest.mark.parametrize("name", ["evidence-000001.npz", "candidates.npz", "keypoints.bin"])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty"])
def test_damaged_evidence_on_pairs_is_named_and_the_next_search_gives_the_same(place, name, harm):
    before = search(place)
    groups, pairs = before.groups(), before.pairs
    path = place / ".curate" / "copies" / name
    match harm:
        case "flip":
            flip(path)
        case "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "empty":
            path.write_bytes(b"")
    assert f"copies/{name}" in [one.path for one in list_found(place).found]
    repaired = list_found(place, repairs=True)
    assert repaired.found
    assert repaired.left == []
    after = search(place)
    assert after.groups() == groups
    assert after.pairs.equals(pairs.table)


def test_there_must_be_a_workspace(tmp_path):
    with pytest.raises(InputError, match="no workspace") as lost:
        curate.verify(workspace=tmp_path / "none")
    assert "curate train" in lost.value.hint
    assert list(tmp_path.iterdir()) == []
