import numpy as np
import pytest

from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.files import remove


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

    def exact(self, indices):
        self.asked += [self.made.images.content_hash[row] for row in indices]
        return self.made.exact(indices)


def search(made, memory):
    reader = Counted(made)
    return find_copies(made.images, reader, DedupConfig(), memory=memory), reader.asked


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
    "name", ["points-*", "points.bin", "pairs-*", "search.npz", "*.faiss", "*"]
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


def test_a_search_that_is_killed_goes_on_where_it_was(folder, pictures, tmp_path, monkeypatch):
    made = folder(pictures)
    whole, asked = search(made, tmp_path / "whole")

    def killed(*_, **__):
        raise KeyboardInterrupt

    for place in (
        "cache.keypoint_store.next_shard",
        "candidates.incremental.write_arrays",
        "cache.evidence_store.next_shard",
        "probability.synthetic_pairs.write_arrays",
    ):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(f"curate.copies.{place}", killed)
            search(made, tmp_path / "killed")
    after, asked_after = search(made, tmp_path / "killed")
    same(whole, after)
    assert len(asked_after) < len(asked)


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
    assert asked.count(lone) <= 3  # to practise, never to find its points


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
