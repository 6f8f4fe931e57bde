import cv2
import numpy as np
import pytest

from curate.copies.candidates.ann_index import HashIndex
from curate.copies.candidates.from_embeddings import pair_by_embeddings
from curate.copies.candidates.from_hashes import (
    HashedImages,
    pair_by_hashes,
    pair_queries_by_hashes,
)
from curate.copies.candidates.from_keypoints import (
    KeypointIndex,
    pair_by_keypoints,
    pair_queries_by_keypoints,
    select_most_voted,
)
from curate.copies.candidates.pairs import Candidates, order_pairs
from curate.copies.candidates.thumbnails import make_thumbnail
from curate.copies.pair_tables import concat_pairs
from curate.copies.records import Vectors
from curate.copies.verification.findings import BY_FRAME, BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.images.perceptual_hash import perceptual_hash


def keypoints_of(pictures):
    return Keypoints.of([make_working_copy(pixels) for pixels in pictures])


def hashed(pictures):
    """Return what candidates by hash need of pictures."""
    return HashedImages(
        phash=np.array([perceptual_hash(image) for image in pictures], np.uint64),
        thumbnail=np.array([make_thumbnail(make_working_copy(image)) for image in pictures]),
    )


def candidates_among(*batches):
    """Return the candidates among pictures that come batch after batch."""
    keypoints = keypoints_of([pixels for batch in batches for pixels in batch])
    rows = np.split(np.arange(len(keypoints.counts)), np.cumsum([len(batch) for batch in batches]))
    index = KeypointIndex.train(keypoints, rows[0], seed=0)
    parts = []
    for number in range(len(batches)):
        before = np.concatenate([np.zeros(0, np.int64), *rows[:number]])
        parts.append(pair_by_keypoints(keypoints, index, before, rows[number]))
    return order_pairs(concat_pairs(parts), np.arange(len(keypoints.counts)))


def pairs_of(candidates):
    columns = (candidates.a, candidates.b, candidates.method)
    return set(zip(*(column.tolist() for column in columns), strict=True))


@pytest.fixture(scope="module")
def views(scene):
    """Twelve scenes, a turned piece of the fourth and a mirror image of the sixth."""
    pictures = [scene(seed) for seed in range(12)]
    matrix = cv2.getRotationMatrix2D((160, 120), 20, 1.3)
    return [*pictures, cv2.warpAffine(pictures[3], matrix, (320, 240)), pictures[5][:, ::-1].copy()]


def test_a_turned_piece_and_a_mirror_image_are_candidates(views):
    assert {(3, 12, BY_KEYPOINTS), (5, 13, BY_MIRRORED_KEYPOINTS)} <= pairs_of(
        candidates_among(views)
    )


def test_images_that_come_later_are_paired_with_those_before(views):
    found = pairs_of(candidates_among(views[:8], views[8:13], views[13:]))
    assert {(3, 12, BY_KEYPOINTS), (5, 13, BY_MIRRORED_KEYPOINTS)} <= found


def test_a_query_has_the_candidates_it_would_have_if_it_came_later(views):
    keypoints = keypoints_of(views)
    rows = np.arange(len(views))
    before, later = rows[:12], rows[12:]
    index = KeypointIndex.train(keypoints, before, seed=0)
    pair_by_keypoints(keypoints, index, before[:0], before)
    queries = keypoints_of(views[12:])
    found = pair_queries_by_keypoints(queries, keypoints.take(before), index, before)
    assert {(0, 3, BY_KEYPOINTS), (1, 5, BY_MIRRORED_KEYPOINTS)} <= pairs_of(found)
    as_later = pairs_of(pair_by_keypoints(keypoints, index, before, later))
    with_earlier = {(a - 12, b, method) for a, b, method in as_later if a >= 12 > b}
    assert with_earlier <= pairs_of(found)  # once it is in the index, its own points take up places


def test_no_keypoints_make_no_index():
    blank = [np.full((64, 64, 3), value, np.uint8) for value in (0, 100, 200)]
    assert KeypointIndex.train(keypoints_of(blank), np.arange(3), seed=0) is None


@pytest.mark.parametrize("version", range(8))
@pytest.mark.parametrize("is_new", [[True, True, True], [False, False, True], [False, True, False]])
def test_turned_images_are_found_by_hash_whichever_comes_later(scene, version, is_new):
    pixels = scene(1)
    turned = pixels.transpose(1, 0, 2) if version & 4 else pixels
    turned = turned[::-1] if version & 2 else turned
    turned = turned[:, ::-1] if version & 1 else turned
    pictures = (scene(2), pixels, np.ascontiguousarray(turned))
    found = order_pairs(pair_by_hashes(hashed(pictures), np.array(is_new)), np.arange(3))
    assert (1, 2, BY_FRAME + version) in pairs_of(found)
    queried = pair_queries_by_hashes(hashed(pictures[1:2]), hashed([pictures[2], pictures[0]]))
    assert (0, 0, BY_FRAME + version) in pairs_of(queried)
    assert set(found.a.tolist()) == {1}


def test_many_equal_hashes_make_few_pairs():
    images = HashedImages(
        phash=np.full(3000, 12345, np.uint64), thumbnail=np.zeros((3000, 8, 8), np.uint8)
    )
    found = pair_by_hashes(images, np.ones(3000, bool))
    assert len(order_pairs(found, np.arange(3000))) <= 8 * 3000


def test_near_embeddings_are_candidates_across_the_borders_of_prototypes():
    turn = np.deg2rad([0.0, 2, 90, 180])
    embeddings = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    vectors = Vectors(embeddings=embeddings, prototype=np.array([0, 1, 1, 1]))
    a, b = pair_by_embeddings(vectors, np.arange(4))
    assert (a.tolist(), b.tolist()) == ([0], [1])


def test_near_hashes_of_pictures_that_look_different_are_no_candidates(scene):
    pixels = scene(1)
    images = hashed([pixels, pixels[:, ::-1], np.roll(pixels, 120, axis=1)])
    images = HashedImages(phash=np.full(3, 12345, np.uint64), thumbnail=images.thumbnail)
    assert len(pair_by_hashes(images, np.ones(3, bool))) == 0
    faint = HashedImages(phash=images.phash, thumbnail=images.thumbnail // 128 + np.uint8(60))
    assert len(pair_by_hashes(faint, np.ones(3, bool))) == 3  # flat: nothing speaks against them


@pytest.mark.parametrize("n_others", [100, 40_000])
def test_near_hashes_are_found_among_few_and_many(n_others):
    rng = np.random.default_rng(0)
    stored = np.unique(rng.integers(0, 1 << 63, n_others, np.uint64))
    flips = [[], [0], [0, 20, 40], [0, 1, 21, 22, 62]]
    queries = stored[:4] ^ np.array([sum(1 << bit for bit in bits) for bits in flips], np.uint64)
    query, other = HashIndex(stored).find_near(queries, radius=8, n_neighbors=8)
    assert (query.tolist(), other.tolist()) == ([0, 1, 2, 3], [0, 1, 2, 3])


def test_an_image_keeps_the_pairs_of_most_votes_and_of_many():
    votes = {(0, 1, 0): 5, (2, 0, 0): 2, (0, 3, 0): 1, (0, 4, 1): 1, (3, 4, 0): 5, (4, 5, 0): 4}
    votes |= {(6, 7, 0): 8, (6, 8, 0): 8, (7, 8, 0): 6, (7, 8, 1): 5}
    columns = np.repeat(np.array(list(votes)), list(votes.values()), axis=0).T
    a, b, method = np.random.default_rng(0).permutation(columns, axis=1)

    kept = select_most_voted(Candidates(a=a, b=b, method=method), 1)

    # 0-2 is the best that 2 has; 0-3 and 0-4 are nobody's best; 7-8 has many
    assert pairs_of(kept) == {
        (0, 1, 0),
        (0, 2, 0),
        (3, 4, 0),
        (4, 5, 0),
        (6, 7, 0),
        (6, 8, 0),
        (7, 8, 0),
    }
    assert len(kept) == 7


def test_no_votes_give_no_pairs():
    assert len(select_most_voted(Candidates.none(), 8)) == 0
