import numpy as np
import pytest

from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.files import remove
from curate.progress import Silent


def alike(pixels):
    return (pixels * 0.7).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures(scene):
    """Ten scenes and copies of four of them."""
    made = {f"{seed:02d}": scene(seed, 160, 120) for seed in range(10)}
    kinds = (alike, np.rot90, np.fliplr)
    for seed in range(4):
        made[f"copy {seed}"] = np.ascontiguousarray(kinds[seed % 3](made[f"{seed:02d}"]))
    return made


class Counted:
    """A reader that remembers what it was asked for."""

    def __init__(self, made):
        self.made, self.asked = made, []

    def read(self, content_hashes):
        self.asked += content_hashes
        return self.made.read(content_hashes)

    def read_exact(self, rows):
        self.asked += [self.made.images.content_hash[row] for row in rows]
        return self.made.read_exact(rows)


def search(made, cache, progress=None):
    reader = Counted(made)
    copies = find_copies(made.images, reader, DedupConfig(), cache=cache, on_progress=progress)
    return copies, reader.asked


def groups(copies, made):
    found = {}
    for path, group in zip(made.images.path, copies.group.tolist(), strict=True):
        if group >= 0:
            found.setdefault(group, set()).add(path)
    return sorted(map(sorted, found.values()))


def same(one, two):
    assert one.group.tolist() == two.group.tolist()
    assert one.duplicate_of.tolist() == two.duplicate_of.tolist()
    assert np.array_equal(one.similarity, two.similarity, equal_nan=True)
    for name in ("a", "b", "similarity", "box", "inliers", "rotation"):
        assert np.array_equal(getattr(one.pairs, name), getattr(two.pairs, name)), name


def test_a_second_search_reads_no_pixels_and_finds_the_same(folder, pictures, tmp_path):
    made = folder(pictures)
    plain = find_copies(made.images, made, DedupConfig())
    first, asked = search(made, tmp_path)
    again, asked_again = search(made, tmp_path)
    same(plain, first)
    same(first, again)
    assert len(asked) > 0
    assert asked_again == []


@pytest.mark.parametrize(
    "name", ["keypoints-*", "keypoints.bin", "evidence-*", "candidates.npz", "*.faiss", "*"]
)
def test_what_is_damaged_or_lost_is_found_again(folder, pictures, tmp_path, name):
    made = folder(pictures)
    first, _ = search(made, tmp_path)
    for path in tmp_path.glob(name):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    same(first, search(made, tmp_path)[0])
    for path in tmp_path.glob(name):
        remove(path)
    same(first, search(made, tmp_path)[0])


def test_what_other_code_found_is_dropped(folder, pictures, tmp_path):
    made = folder(pictures)
    first, _ = search(made, tmp_path)
    (tmp_path / "version.json").write_text('{"version": 0}')
    again, asked = search(made, tmp_path)
    same(first, again)
    assert len(asked) > 0


class Killed(BaseException):
    """What stops a search at once."""


class KillAt(Silent):
    """A progress that kills the search at one of its events."""

    def __init__(self, n_events):
        self.n_left = n_events

    def count(self, *_):
        if self.n_left == 0:
            raise Killed
        self.n_left -= 1

    begin = advance = end = count


def test_a_search_that_is_killed_again_and_again_goes_on_where_it_was(folder, pictures, tmp_path):
    made = folder(pictures)
    whole, asked = search(made, tmp_path / "whole")
    for n_events in range(2, 99):
        try:
            search(made, tmp_path / "killed", KillAt(n_events))
        except Killed:
            continue
        break
    assert n_events > 8
    after, asked_after = search(made, tmp_path / "killed")
    same(whole, after)
    assert asked_after == []
    assert len(asked) > 0


@pytest.mark.parametrize("lost", ["keypoints-000001.npz", "candidates.npz"])
def test_a_search_that_is_killed_between_two_files_goes_on(folder, pictures, tmp_path, lost):
    """The file that is written last is not there yet; what it would name is there already."""
    made = folder(pictures)
    whole, _ = search(made, tmp_path)
    remove(tmp_path / lost)
    same(whole, search(made, tmp_path)[0])


def test_a_folder_that_grew_has_the_groups_of_one_searched_at_once(folder, pictures, tmp_path):
    late = {"03", "copy 3", "copy 2", "01", "09"}
    grown = folder(pictures)
    search(
        folder({path: pixels for path, pixels in pictures.items() if path not in late}), tmp_path
    )
    found, asked = search(grown, tmp_path)
    at_once = find_copies(grown.images, grown, DedupConfig())
    assert groups(found, grown) == groups(at_once, grown)
    assert len(groups(found, grown)) == 4
    lone = grown.images.content_hash[grown.images.path.index("07")]
    assert asked.count(lone) <= 3  # to make a copy of it, never to find its keypoints


def test_a_folder_that_shrank_has_the_groups_of_what_is_left(folder, pictures, tmp_path):
    search(folder(pictures), tmp_path)
    few = {path: pixels for path, pixels in pictures.items() if path not in ("00", "copy 1", "08")}
    left = folder(few)
    found, _ = search(left, tmp_path)
    assert groups(found, left) == groups(find_copies(left.images, left, DedupConfig()), left)


def test_two_folders_searched_one_by_one_are_compared_when_they_come_together(
    folder, pictures, tmp_path
):
    originals = {path: pixels for path, pixels in pictures.items() if "copy" not in path}
    copies = {path: pixels for path, pixels in pictures.items() if "copy" in path}
    search(folder(originals), tmp_path)
    search(folder(copies), tmp_path)
    both = folder(pictures)
    found, _ = search(both, tmp_path)
    assert groups(found, both) == groups(find_copies(both.images, both, DedupConfig()), both)


def test_names_do_not_matter(folder, pictures, tmp_path):
    made = folder(pictures, raw={path: path.encode() for path in pictures})
    first, _ = search(made, tmp_path)
    turned = {f"{99 - row}": path for row, path in enumerate(sorted(pictures))}
    named = folder(
        {name: pictures[path] for name, path in turned.items()},
        raw={name: path.encode() for name, path in turned.items()},
    )
    again, asked = search(named, tmp_path)
    assert asked == []
    back = sorted(sorted(turned[name] for name in group) for group in groups(again, named))
    assert back == groups(first, made)


@pytest.mark.parametrize(
    "name",
    ["keypoints-000001.npz", "keypoints.bin", "evidence-000001.npz", "candidates.npz", "*.faiss"],
)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.999])
def test_a_bit_that_flipped_in_what_is_kept_changes_nothing(folder, pictures, tmp_path, name, part):
    made = folder(pictures)
    first, _ = search(made, tmp_path)
    (path,) = tmp_path.glob(name)
    raw = bytearray(path.read_bytes())
    raw[int(part * len(raw))] ^= 16
    path.write_bytes(raw)
    same(first, search(made, tmp_path)[0])


def test_slots_of_lost_keypoints_are_not_given_to_other_images_with_their_evidence(
    folder, pictures, tmp_path
):
    """The images that come later take the slots; evidence that names these must be gone."""
    few = {path: pixels for path, pixels in pictures.items() if path < "05"}
    search(folder(few), tmp_path)
    search(folder(pictures), tmp_path)
    remove(tmp_path / "keypoints-000002.npz")
    late = {**few, **{f"late {path}": pixels for path, pixels in pictures.items() if path > "07"}}
    made = folder(late)
    found, _ = search(made, tmp_path)
    assert groups(found, made) == groups(find_copies(made.images, made, DedupConfig()), made)
    assert len(list(tmp_path.glob("keypoints-*.npz"))) == 1
