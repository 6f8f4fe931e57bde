import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from curate.choices import KeepPolicy, Level
from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.manifest_columns import are_counted
from curate.copies.records import Vectors
from curate.errors import UsageError


def groups_of(copies, images):
    found = {}
    for path, group in zip(images.path, copies.group.tolist(), strict=True):
        if group >= 0:
            found.setdefault(group, set()).add(path)
    return sorted(sorted(members) for members in found.values())


def search(made, **settings):
    return find_copies(made.images, made, DedupConfig(**settings))


def alterations(pixels):
    height, width = pixels.shape[:2]
    lettered = pixels.copy()
    cv2.putText(lettered, "HELLO THERE", (20, 60), cv2.FONT_HERSHEY_DUPLEX, 1.2, (255, 255, 0), 3)
    return {
        "darker": (pixels * 0.6).astype(np.uint8),
        "framed": cv2.copyMakeBorder(pixels, 30, 30, 40, 40, cv2.BORDER_CONSTANT, value=(9, 9, 9)),
        "grey": cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
        "lettered": lettered,
        "mirrored": np.ascontiguousarray(pixels[:, ::-1]),
        "piece": np.ascontiguousarray(pixels[30:, : width * 3 // 4]),
        "small": cv2.resize(pixels, (width // 3, height // 3), interpolation=cv2.INTER_AREA),
        "squeezed": cv2.resize(pixels, (width, height * 3 // 4), interpolation=cv2.INTER_AREA),
        "turned": np.ascontiguousarray(np.rot90(pixels)),
    }


@pytest.fixture(scope="module")
def zoo(folder, scene):
    pictures = {f"other/{seed}": scene(seed) for seed in range(20, 32)}
    pictures |= {"original": scene(1)}
    pictures |= {f"copy/{name}": image for name, image in alterations(scene(1)).items()}
    made = folder(pictures)
    return made, search(made)


def test_copies_under_many_alterations_form_one_group(zoo):
    made, copies = zoo
    expected = sorted(path for path in made.images.path if not path.startswith("other"))
    assert groups_of(copies, made.images) == [expected]


def test_one_image_stays_in_each_group_and_all_others_point_to_it(zoo):
    made, copies = zoo
    member = copies.group >= 0
    (kept,) = np.nonzero(member & copies.keep)[0].tolist()
    assert made.images.path[kept] in ("original", "copy/darker")  # alike but for their tone
    assert set(copies.duplicate_of[member & ~copies.keep].tolist()) == {kept}
    assert (copies.duplicate_of[~member] == -1).all()
    assert copies.keep[~member].all()


def test_whoever_goes_is_told_the_evidence_and_the_reason(zoo):
    made, copies = zoo
    for row, path in enumerate(made.images.path):
        goes = copies.duplicate_of[row] >= 0
        assert (copies.match[row] == "near") == goes
        assert (copies.reason[row] is not None) == goes
        assert np.isnan(copies.similarity[row]) != goes, path
    reason = dict(zip(made.images.path, copies.reason, strict=True))
    assert reason["copy/framed"] == "has a frame around it"
    assert reason["copy/lettered"] == "something lies over it"
    assert reason["copy/piece"] == "shows less of the scene"
    assert reason["copy/small"] == "fewer pixels"
    assert reason["copy/grey"] == "without colour"


def shrink(pixels, side):
    size = (side * pixels.shape[1] // pixels.shape[0], side)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def test_copies_of_small_pictures_are_found_where_few_look_alike(folder, scene):
    small = {f"{seed}": shrink(scene(seed), 32) for seed in range(16)}
    copied = {
        "0 darker": (small["0"] * 0.7).astype(np.uint8),
        "1 mirrored": np.ascontiguousarray(small["1"][:, ::-1]),
        "2 encoded": cv2.imdecode(cv2.imencode(".jpg", small["2"])[1], cv2.IMREAD_COLOR),
        "3 larger": cv2.resize(small["3"], None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC),
    }
    made = folder(small | copied)
    expected = [[name.split()[0], name] for name in copied]
    assert groups_of(search(made), made.images) == expected


def test_small_frames_of_a_camera_are_no_copies(folder, scene):
    rng = np.random.default_rng(0)
    frames = {}
    for number in range(16):
        frame = scene(5).copy()
        middle = (int(rng.integers(40, 280)), int(rng.integers(40, 200)))
        cv2.circle(frame, middle, 22, [int(v) for v in rng.integers(0, 256, 3)], -1)
        frames[f"{number}"] = shrink(frame, 48)
    made = folder(frames)
    assert search(made).keep.all()


def test_pairs_say_how_one_image_lies_in_the_other(zoo):
    made, copies = zoo
    path, pairs = made.images.path, copies.pairs
    rows = {
        path[a]: row
        for row, (a, b) in enumerate(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))
        if path[b] == "original"
    }
    assert pairs.mirrored[rows["copy/mirrored"]]
    assert not pairs.mirrored[rows["copy/grey"]]
    assert pairs.rotation[rows["copy/turned"]] == pytest.approx(90, abs=2)
    assert pairs.scale[rows["copy/small"]] == pytest.approx(3, rel=0.03)
    assert pairs.box[rows["copy/piece"]] == pytest.approx([0, 0.125, 0.75, 1], abs=0.035)
    assert (pairs.a < pairs.b).all()
    assert ((pairs.similarity >= copies.threshold) & (pairs.similarity <= 1)).all()


@pytest.fixture
def one_processor():
    """Run the test on one processor, as a machine that has no more."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    yield
    os.sched_setaffinity(0, processors)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be taken away")
@pytest.mark.usefixtures("one_processor")
def test_the_number_of_threads_does_not_matter(zoo):
    made, copies = zoo
    again = search(made)
    assert np.array_equal(again.group, copies.group)
    assert np.array_equal(again.similarity, copies.similarity, equal_nan=True)
    assert np.array_equal(again.pairs.similarity, copies.pairs.similarity)


def test_different_things_on_one_floor_are_no_copies(folder, scene):
    floor = scene(50)
    pictures = {}
    for seed in range(6):
        pixels = floor.copy()
        thing = scene(60 + seed, 190, 170)
        pixels[35:205, 65:255] = thing
        pictures[f"{seed}"] = pixels
    assert groups_of(search(folder(pictures)), folder(pictures).images) == []


def test_a_collage_is_told_and_neither_it_nor_its_parts_go(folder, scene):
    pictures = {"left": scene(1), "right": scene(2)}
    pictures["collage"] = np.concatenate([scene(1), scene(2)], axis=1)
    made = folder(pictures | {f"other {seed}": scene(seed) for seed in range(3, 6)})
    copies = search(made)
    assert copies.keep.all()
    assert copies.pairs.match == ["part_of", "part_of"]
    assert {made.images.path[row] for row in copies.pairs.b.tolist()} == {"left", "right"}


def test_pictures_that_hold_one_cut_out_are_no_copies_and_a_marked_copy_of_one_is(folder, scene):
    pictures = {}
    for seed, (top, left) in enumerate(((10, 10), (90, 150), (110, 20))):
        pixels = scene(30 + seed, 320, 240).copy()
        pixels[top : top + 120, left : left + 160] = scene(40, 160, 120)
        pictures[f"{seed}"] = pixels
    marked = pictures["0"].copy()
    marked[200:225, 100:220] = (250, 250, 250)
    made = folder(pictures | {"marked": marked})
    copies = search(made)
    assert groups_of(copies, made.images) == [["0", "marked"]]
    assert copies.keep.tolist() == [True, True, True, False]


def test_a_marked_copy_counts_only_where_overlays_may(folder, scene):
    marked = scene(1).copy()
    marked[60:90, 40:140] = (250, 250, 250)
    made = folder({"a": scene(1), "marked": marked, "other": scene(2)})
    assert search(made).keep.tolist() == [True, False, True]
    assert search(made, overlays=False).keep.all()


def test_another_colour_counts_only_where_it_may(folder, scene):
    made = folder({"a": scene(1), "blue": np.ascontiguousarray(scene(1)[..., ::-1])})
    assert search(made).keep.all()
    assert search(made, recolour=True).keep.tolist() == [True, False]


def test_many_copies_of_two_colours_stay_two_pictures(folder, scene):
    colours = {"red": scene(1), "blue": np.ascontiguousarray(scene(1)[..., ::-1])}
    versions = {
        f"{name}{level}": np.clip(pixels.astype(np.int64) + level, 0, 255).astype(np.uint8)
        for name, pixels in colours.items()
        for level in range(6)
    }
    kept = search(folder(versions)).keep
    names = [name for name, keep in zip(sorted(versions), kept, strict=True) if keep]
    assert sorted(name.rstrip("0123456789") for name in names) == ["blue", "red"]


def test_views_that_share_little_are_kept_at_a_share_that_is_named(folder, scene):
    wide = scene(7, 640, 240)
    made = folder({"left": wide[:, :400].copy(), "right": wide[:, 160:560].copy()})
    assert not search(made, min_overlap=0.3).keep.all()
    strict = search(made, min_overlap=0.9)
    assert strict.keep.all()
    assert strict.scene.tolist() == [0, 0]
    assert strict.pairs.match == ["overlaps"]
    assert strict.pairs.overlap[0] == pytest.approx(0.6, abs=0.035)


def test_views_that_share_a_quarter_are_found_and_told(folder, scene):
    wide = scene(7, 840, 260)
    made = folder({"left": wide[:, :480].copy(), "right": wide[:, 360:].copy(), "o": scene(3)})
    found = search(made)
    assert found.keep.all()
    assert found.pairs.match == ["overlaps"]
    assert found.pairs.overlap[0] == pytest.approx(0.25, abs=0.035)


def test_plain_and_odd_images_make_no_false_groups(folder):
    rng = np.random.default_rng(0)
    pictures = {f"flat/{v}": np.full((200, 300, 3), v, np.uint8) for v in (0, 1, 2, 80, 160, 255)}
    for seed in range(5):
        drawing = np.full((240, 320, 3), 255, np.uint8)
        for _ in range(6):
            ends = rng.integers(0, 240, 4).tolist()
            cv2.line(drawing, ends[:2], ends[2:], (0, 0, 0), 2)
        pictures[f"lines/{seed}"] = drawing
        pictures[f"noise/{seed}"] = rng.integers(0, 12, (200, 300, 3)).astype(np.uint8)
        ramp = np.linspace(0, 200 + 10 * seed, 300).astype(np.uint8)
        pictures[f"ramp/{seed}"] = np.tile(ramp[None, :, None], (200, 1, 3))
        pictures[f"dot/{seed}"] = rng.integers(0, 256, (1 + seed, 1, 3)).astype(np.uint8)
    made = folder(pictures)
    assert groups_of(search(made), made.images) == []


def test_panoramas_and_icons_are_found_again(folder, scene):
    wide = scene(5, 2400, 120)
    icon = cv2.resize(scene(6), (48, 36), interpolation=cv2.INTER_AREA)
    pictures = {"wide": wide, "wide copy": (wide * 0.8).astype(np.uint8)}
    pictures |= {"icon": icon, "icon copy": cv2.resize(icon, (64, 48))}
    pictures |= {f"{seed}": scene(seed) for seed in range(7, 12)}
    made = folder(pictures)
    assert groups_of(search(made), made.images) == [["icon", "icon copy"], ["wide", "wide copy"]]


def test_each_rung_names_its_evidence(folder, scene):
    pictures = {"a": scene(1), "b": scene(1), "c": scene(1), "d": scene(1)[:, ::-1].copy()}
    made = folder(pictures, raw={"a": b"x", "b": b"x", "c": b"y", "d": b"z"})
    assert search(made, level=Level.BYTES).match == [None, "bytes", None, None]
    assert search(made, level=Level.PIXELS).match == [None, "bytes", "pixels", None]
    copies = search(made, keep=KeepPolicy.FIRST)
    assert copies.match == [None, "bytes", "pixels", "near"]
    assert copies.pairs.match == ["bytes", "pixels", "near"]


def test_protected_images_stay_even_if_they_are_copies(folder, scene):
    pictures = {"new/a": scene(1), "new/b": scene(1), "safe/a": scene(1), "safe/b": scene(1)}
    copies = search(folder(pictures), protect=("safe",), keep=KeepPolicy.FIRST)
    assert copies.keep.tolist() == [False, False, True, True]
    assert copies.duplicate_of.tolist() == [2, 2, -1, -1]
    assert copies.group.tolist() == [0, 0, 0, 0]
    assert copies.reason == ["not protected", "not protected", None, None]


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_images_are_no_problem(folder, scene, n):
    copies = search(folder({f"{row}": scene(row) for row in range(n)}))
    assert copies.group.tolist() == [-1] * n
    assert len(copies.pairs) == 0


def test_two_images_are_enough_to_find_a_copy(folder, scene):
    made = folder({"a": scene(1), "b": alterations(scene(1))["piece"]})
    assert groups_of(search(made), made.images) == [["a", "b"]]


def test_alike_images_go_only_when_the_semantic_rung_is_asked_for(folder, scene):
    made = folder({f"{row}": scene(row) for row in range(4)})
    turn = np.deg2rad([0, 2, 90, 180])
    embeddings = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    vectors = Vectors(embeddings=embeddings)
    near = find_copies(made.images, made, DedupConfig(), vectors=vectors)
    assert near.group.tolist() == [-1, -1, -1, -1]
    alike = find_copies(made.images, made, DedupConfig(level=Level.SEMANTIC), vectors=vectors)
    assert alike.group.tolist() == [0, 0, -1, -1]
    assert alike.match == [None, "semantic", None, None]
    capped = DedupConfig(level=Level.SEMANTIC, max_removed=0.0)
    assert find_copies(made.images, made, capped, vectors=vectors).keep.all()


def alike_vectors(*angles):
    turn = np.deg2rad(np.array(angles, np.float64))
    return Vectors(embeddings=np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32))


@pytest.mark.parametrize(("keep", "kept"), [(KeepPolicy.CENTRAL, 1), (KeepPolicy.OUTLYING, 0)])
def test_of_alike_images_the_central_or_the_outlying_one_can_stay(folder, scene, keep, kept):
    made = folder({f"{row}": scene(row) for row in range(4)})
    config = DedupConfig(level=Level.SEMANTIC, keep=keep)
    vectors = replace(alike_vectors(0, 6, 10, 200), prototype=np.array([0, 0, 0, 1]))
    copies = find_copies(made.images, made, config, vectors=vectors)
    assert np.nonzero(copies.keep)[0].tolist() == [kept, 3]


def test_at_most_a_share_of_the_images_goes_for_being_alike(folder, scene):
    made = folder({f"{row}": scene(row) for row in range(10)})
    config = DedupConfig(level=Level.SEMANTIC, keep=KeepPolicy.CENTRAL, max_removed=0.3)
    copies = find_copies(made.images, made, config, vectors=alike_vectors(*range(10)))
    assert (~copies.keep).sum() == 3


def test_the_share_that_goes_is_of_our_images_and_counts_only_what_is_told(folder, scene):
    theirs = {f"t{row}": scene(row) for row in range(6)}
    ours = {f"o{row}": scene(10 + row) for row in range(8)}
    again = {"o0 again": ours["o0"], "o1 again": ours["o1"]}
    made = folder(theirs | ours | again, others=set(theirs))
    place = {path: row for row, path in enumerate(made.images.path)}
    angles = np.zeros(len(place))
    for path, row in place.items():
        angles[row] = 25.0 * int(path[1])  # o0, its copy and t0 are alike, and so on
    angles[place["o6"]], angles[place["o7"]] = 200.0, 200.1  # alike, but both are ours
    for most, n_told in ((1.0, 8), (0.4, 4), (0.1, 1)):
        config = DedupConfig(level=Level.SEMANTIC, max_removed=most)
        copies = find_copies(made.images, made, config, vectors=alike_vectors(*angles))
        told = are_counted(made.images, copies, is_against=True)
        assert n_told - 1 <= told.sum() <= n_told
        assert not told[[place["o6"], place["o7"]]].any()


def test_what_is_central_is_not_known_without_a_model():
    with pytest.raises(UsageError, match="needs a trained model"):
        DedupConfig(keep=KeepPolicy.OUTLYING)


def test_the_semantic_rung_needs_vectors_of_all_images(folder, scene):
    made = folder({"a": scene(1)})
    with pytest.raises(ValueError, match="needs vectors"):
        search(made, level=Level.SEMANTIC)
    few = Vectors(embeddings=np.zeros((0, 2), np.float32))
    with pytest.raises(ValueError, match="0 vectors for 1"):
        find_copies(made.images, made, DedupConfig(), vectors=few)


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": 0},
        {"threshold": 1.5},
        {"max_removed": -0.1},
        {"min_overlap": 2},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="must"):
        DedupConfig(**settings)


def test_images_of_the_other_source_stay_and_are_told_apart_by_more_than_their_path(folder, scene):
    made = folder({"b": scene(1), "a": scene(1), "c": scene(2)}, others={"b"})
    copies = search(made)
    assert made.images.path == ["b", "a", "c"]
    assert copies.keep.tolist() == [True, False, True]
    assert copies.duplicate_of.tolist() == [-1, 0, -1]


def test_no_model_library_is_imported():
    code = (
        "import sys, curate.copies.find;"
        "assert not {'torch', 'faiss', 'timm'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
