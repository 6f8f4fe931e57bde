from dataclasses import replace

import numpy as np

from curate.choices import Level
from curate.copies.config import DedupConfig
from curate.copies.grouping import spread_over_label
from curate.copies.keep_policy import Looks
from curate.copies.probability.context import FolderContext
from curate.copies.records import Pairs, QueryImage
from curate.copies.rungs.base import (
    EqualKeys,
    Grouping,
    Known,
    Searched,
    name_by_first,
)
from curate.copies.rungs.same_bytes import SameBytes
from curate.progress import Silent


class SameWidth(EqualKeys):
    """A rung for the test: images of the same width are the same."""

    level = Level.PIXELS

    def list_keys(self, images):
        return images.width.tolist()

    def make_key(self, query):
        return query.width


def known_of(made, cache):
    return Known(
        images=made.images,
        pixels=made,
        config=DedupConfig(),
        cache=cache,
        vectors=None,
        progress=Silent(),
        is_protected=np.zeros(len(made.images), np.bool_),
        centrality=None,
    )


def test_images_of_the_same_bytes_are_named_by_the_first_of_them(folder, scene, tmp_path):
    made = folder(
        {"a": scene(1), "b": scene(2), "c": scene(1), "d": scene(2)},
        raw={"a": b"1", "b": b"2", "c": b"1", "d": b"other"},
    )
    grouping = SameBytes().group(known_of(made, tmp_path))
    assert grouping.label.tolist() == [0, 1, 0, 3]
    assert (grouping.pairs.a.tolist(), grouping.pairs.b.tolist()) == ([0], [2])
    assert grouping.pairs.match == ["bytes"]


def test_a_rung_compares_one_image_for_all_that_the_stronger_rungs_call_the_same(
    folder, scene, tmp_path
):
    made = folder(
        {"a": scene(1), "b": scene(1), "c": scene(2), "d": scene(3, 160, 120)},
        raw={"a": b"1", "b": b"1", "c": b"2", "d": b"3"},
    )
    known = known_of(made, tmp_path)
    known = known.add(SameBytes().group(known))
    grouping = SameWidth().group(known)
    assert grouping.label.tolist() == [0, 0, 0, 3]
    assert (grouping.pairs.a.tolist(), grouping.pairs.b.tolist()) == ([0], [2])


def test_a_query_finds_the_images_of_its_key(folder, scene, tmp_path):
    made = folder({"a": scene(1), "b": scene(2), "c": scene(3, 160, 120)})
    searched = Searched(
        images=made.images,
        pixels=made,
        config=DedupConfig(),
        cache=tmp_path,
        labels={},
        weights=np.zeros(21),
        probability=np.zeros(0),
        context=FolderContext.none(3),
    )
    queries = [
        QueryImage(
            content_hash="00",
            pixels=scene(9),
            width=width,
            height=9,
            phash=0,
            digest=lambda: bytes(32),
            read_exact=lambda: scene(9),
        )
        for width in (5, 320)
    ]
    pairs = SameWidth().open_query(searched).find_copies(queries, Pairs.none())
    assert (pairs.a.tolist(), pairs.b.tolist()) == ([1, 1], [0, 1])
    assert len(SameWidth().open_query(searched).find_copies([], Pairs.none())) == 0


def test_what_is_known_is_the_label_of_the_weakest_rung_so_far(folder, scene, tmp_path):
    known = known_of(folder({f"{row}": scene(row) for row in range(3)}), tmp_path)
    assert known.heads.tolist() == [0, 1, 2]
    grouping = Grouping(
        level=Level.NEAR,
        label=np.array([7, 5, 7]),
        similarity=np.ones(3),
        pairs=Pairs.none(),
        looks=replace(Looks.alike(3), is_marked=np.array([True, False, False])),
    )
    after = known.add(grouping)
    assert after.label.tolist() == [0, 1, 0]
    assert after.heads.tolist() == [0, 1]
    assert after.kept.tolist() == [2, 1, 2]  # something lies over the first


def test_labels_are_named_by_their_first_image():
    assert name_by_first(np.array([9, 2, 9, 4, 2])).tolist() == [0, 1, 0, 3, 1]


def test_numbers_are_spread_over_all_images_that_a_head_stands_for():
    label = np.array([0, 1, 0, 3, 0])
    numbers, rows = spread_over_label(np.array([10, 20]), np.array([3, 0]), label)
    assert (numbers.tolist(), rows.tolist()) == ([10, 20, 20, 20], [3, 0, 2, 4])
