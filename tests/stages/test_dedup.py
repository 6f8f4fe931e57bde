import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from curate import ClusterConfig, DedupConfig, PruneConfig, cluster, dedup, prune, restore
from curate.choices import KeepPolicy, Level, Removal
from curate.errors import InputError, UsageError
from curate.images.contact_sheet import draw_sheet
from curate.manifest.columns import DEDUP_COLUMNS
from curate.workspace.scan import ScanConfig
from tests.conftest import Notes, picture, save

MIRRORED = {"jpeg.jpg", "mirror.jpg"}


def detailed(seed):
    """Return a picture with detail at every scale, (256, 320, 3) uint8."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((256, 320, 3))
    for cell in (4, 8, 16, 32, 64):
        coarse = Image.fromarray(rng.integers(0, 256, (256 // cell, 320 // cell, 3), np.uint8))
        pixels += np.asarray(coarse.resize((320, 256), Image.Resampling.BICUBIC)) / 5
    return pixels.astype(np.uint8)


@pytest.fixture
def copies(tmp_path):
    """A folder of ten pictures; of the first there are five copies."""
    root = tmp_path / "images"
    for seed in range(10):
        save(root / f"{seed}.png", detailed(seed))
    first = Image.fromarray(detailed(0))
    (root / "bytes.png").write_bytes((root / "0.png").read_bytes())
    first.save(root / "pixels.bmp")
    first.save(root / "jpeg.jpg", quality=60)
    ImageOps.mirror(first).save(root / "mirror.jpg", quality=80)
    first.crop((30, 20, 300, 240)).save(root / "crop.jpg", quality=90)
    return root


def found_in(folder, out, **options):
    result = dedup(folder, DedupConfig(**options), out=out, workspace=out.parent / ".curate")
    return result, {row["path"]: row for row in pq.read_table(out).to_pylist()}


def test_each_copy_is_tied_to_the_kept_image_by_its_strongest_evidence(copies, tmp_path):
    result, rows = found_in(copies, tmp_path / "m.parquet")
    group = {path for path, row in rows.items() if row["group"] == rows["0.png"]["group"]}
    assert group == {"0.png", "bytes.png", "pixels.bmp", "jpeg.jpg", "mirror.jpg", "crop.jpg"}
    (kept,) = (path for path in group if rows[path]["keep"])
    assert all(rows[path]["duplicate_of"] == kept for path in group - {kept})
    assert rows[kept]["duplicate_of"] is None
    assert rows["jpeg.jpg"]["match"] == rows["crop.jpg"]["match"] == "near"
    exact = {path: rows[path]["match"] for path in ("0.png", "bytes.png", "pixels.bmp")}
    assert set(exact.values()) - {None} <= {"bytes", "pixels"}
    assert (result.n_groups, result.n_duplicates) == (1, 5)
    assert all(rows[f"{seed}.png"]["group"] is None for seed in range(1, 10))


def test_columns_have_the_promised_types_and_unreadable_files_are_not_judged(copies, tmp_path):
    (copies / "broken.jpg").write_bytes(b"no image")
    result, rows = found_in(copies, tmp_path / "m.parquet")
    schema = pq.read_schema(tmp_path / "m.parquet")
    assert all(schema.field(field.name).type == field.type for field in DEDUP_COLUMNS)
    assert rows["broken.jpg"]["keep"] is None
    assert rows["broken.jpg"]["duplicate_of"] is None
    assert (result.n_images, result.n_unreadable) == (15, 1)


@pytest.mark.parametrize(
    ("level", "n_copies"), [("file", 0), ("bytes", 1), ("pixels", 2), ("near", 5)]
)
def test_each_rung_includes_those_above_it(copies, tmp_path, level, n_copies):
    result, _ = found_in(copies, tmp_path / "m.parquet", level=Level(level))
    assert result.n_duplicates == n_copies


def test_what_stays_can_be_chosen_and_protected(copies, tmp_path):
    _, rows = found_in(copies, tmp_path / "m.parquet", keep=KeepPolicy.FIRST)
    assert rows["0.png"]["keep"]
    _, rows = found_in(copies, tmp_path / "m.parquet", protect=("crop.jpg",))
    assert rows["crop.jpg"]["keep"]
    assert rows["0.png"]["duplicate_of"] == "crop.jpg"
    result, rows = found_in(copies, tmp_path / "m.parquet", protect=(str(copies / "crop.jpg"),))
    assert (rows["0.png"]["duplicate_of"], result.config.protect) == ("crop.jpg", ("crop.jpg",))
    with pytest.raises(UsageError, match="nothing to protect"):
        found_in(copies, tmp_path / "m.parquet", protect=("corp.jpg",))


def test_the_file_of_the_camera_stays_before_its_copy_without_camera_data(tmp_path):
    exif = Image.Exif()
    exif[271] = "Canon"
    exif.get_ifd(0x8769)[0x9003] = "2019:06:01 12:30:05"
    photo = Image.fromarray(detailed(0))
    save(tmp_path / "images/z of the camera.jpg", detailed(0), quality=90, exif=exif)
    save(tmp_path / "images/a.png", np.asarray(Image.open(tmp_path / "images/z of the camera.jpg")))
    later = exif.get_ifd(0x8769) | {0x9003: "2019:06:01 12:30:06"}
    exif.get_ifd(0x8769).update(later)
    photo.save(tmp_path / "images/b.jpg", quality=90, exif=exif)
    for keep, reasons in (
        (KeepPolicy.BEST, {"a.png": "without camera data", "b.jpg": "newer"}),
        (KeepPolicy.ORIGINAL, {"a.png": "without camera data", "b.jpg": "taken later"}),
        (KeepPolicy.OLDEST, {"a.png": "not known when taken", "b.jpg": "taken later"}),
    ):
        _, rows = found_in(tmp_path / "images", tmp_path / "m.parquet", keep=keep)
        told = {path: row["keep_reason"] for path, row in rows.items() if not row["keep"]}
        assert told == reasons


def test_the_original_stays_before_its_thumbnails_and_enlarged_copies(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    for seed in range(4):
        first = Image.fromarray(detailed(seed)).filter(ImageFilter.GaussianBlur(1.5))
        first.save(root / f"{seed}.jpg", quality=85)
        for scale, quality in ((0.5, 30), (0.8, 40), (1, 35), (1.5, 92), (2.5, 92)):
            size = (round(320 * scale), round(256 * scale))
            copy = Image.open(root / f"{seed}.jpg").resize(size, Image.Resampling.BICUBIC)
            copy.save(root / f"{seed}_{scale}.jpg", quality=quality)
    _, rows = found_in(root, tmp_path / "m.parquet")
    assert [path for path, row in rows.items() if row["keep"]] == [f"{n}.jpg" for n in range(4)]


def test_boxes_of_dropped_copies_are_counted_by_how_they_lie_on_what_stays(copies, tmp_path):
    boxed = ("bytes.png", "jpeg.jpg", "mirror.jpg", "crop.jpg", "3.png")
    coco = {
        "images": [{"id": name, "file_name": name} for name in boxed],
        "annotations": [
            {"id": n, "image_id": name, "category_id": 1, "bbox": [1, 2, 3, 4]}
            for n, name in enumerate(boxed)
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    protect = ("0.png",)
    result, rows = found_in(
        copies, tmp_path / "m.parquet", labels=str(tmp_path / "coco.json"), protect=protect
    )
    assert rows["0.png"]["keep"]
    assert rows["0.png"]["objects"] is None
    assert rows["mirror.jpg"]["objects"] == ["cat"]
    assert (result.n_boxes_lost, result.n_boxes_moved) == (4, 2)


def test_finding_copies_twice_writes_the_same_bytes(copies, tmp_path):
    found_in(copies, tmp_path / "m.parquet")
    first = (tmp_path / "m.parquet").read_bytes()
    dedup(tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    assert (tmp_path / "m.parquet").read_bytes() == first


def test_the_evidence_of_every_pair_can_be_read(copies, tmp_path):
    dedup(
        copies,
        out=tmp_path / "m.parquet",
        pairs=tmp_path / "p.parquet",
        workspace=tmp_path / ".curate",
    )
    rows = pq.read_table(tmp_path / "p.parquet").to_pylist()
    by_paths = {frozenset((row["path"], row["other_path"])): row for row in rows}
    mirrored = next(
        row for key, row in by_paths.items() if "mirror.jpg" in key and "crop.jpg" not in key
    )
    assert mirrored["mirrored"]
    assert mirrored["inliers"] >= 8
    assert 0.9 <= mirrored["similarity"] <= 1
    assert len(mirrored["box"]) == 4


def test_groups_are_drawn(copies, tmp_path):
    result = dedup(
        copies,
        out=tmp_path / "m.parquet",
        sheets=tmp_path / "sheets",
        workspace=tmp_path / ".curate",
    )
    assert result.n_drawn == 1
    with Image.open(tmp_path / "sheets" / "groups-001.jpg") as sheet:
        assert sheet.width > 6 * 150


@pytest.fixture
def captions(monkeypatch):
    """Return the second lines of the tiles that are drawn, by the path in the first."""
    told = {}

    def draw(rows):
        told.update({tile.lines[0]: tile.lines[1] for row in rows for tile in row})
        return draw_sheet(rows)

    monkeypatch.setattr("curate.copies.report.draw_sheet", draw)
    return told


@pytest.mark.parametrize("policy", ["report", "drop"])
def test_a_sheet_tells_of_each_image_why_it_goes_or_that_it_stays(tmp_path, captions, policy):
    for path in ("gold/a.png", "gold/b.png", "web/a.png"):
        save(tmp_path / "images" / path, picture(1))
    for path in ("cat/a.png", "dog/a.png"):
        save(tmp_path / "images" / path, picture(2))
    config = DedupConfig(labels="folder", on_conflict=policy, protect=("gold",), level="pixels")
    dedup(
        tmp_path / "images",
        config,
        out=tmp_path / "m.parquet",
        sheets=tmp_path / "sheets",
        workspace=tmp_path / ".curate",
    )
    ties = {path: line.split("  ")[0] for path, line in captions.items()}
    goes = "its copies have other labels"
    assert ties == {
        "gold/a.png": "kept",
        "gold/b.png": "kept",
        "web/a.png": "bytes 1.000",
        "cat/a.png": "kept" if policy == "report" else goes,
        "dog/a.png": "bytes 1.000" if policy == "report" else goes,
    }


def test_leaks_are_reported_against_another_folder_and_copies_within_the_folder_are_not(
    copies, tmp_path
):
    test_set = tmp_path / "test"
    save(test_set / "leak.jpg", np.asarray(Image.fromarray(detailed(3)).resize((240, 192))))
    save(test_set / "new.png", detailed(77))
    result = dedup(
        copies, out=tmp_path / "m.parquet", against=test_set, workspace=tmp_path / ".curate"
    )
    rows = {row["path"]: row for row in pq.read_table(tmp_path / "m.parquet").to_pylist()}
    assert {path for path, row in rows.items() if row["duplicate_of"]} == {"3.png"}
    assert rows["3.png"]["duplicate_of"] == str(test_set / "leak.jpg")
    assert not rows["3.png"]["keep"]
    assert (result.against, result.n_duplicates) == (str(test_set), 1)
    assert len(rows) == 15


def screenshot(image):
    """Return a picture of a screen that shows the image."""
    screen = Image.new("RGB", (420, 360), (30, 30, 34))
    screen.paste(image, (50, 60))
    return screen


LEAKS = {
    "bytes": lambda image: image,
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.4),
    "cropped": lambda image: image.crop((60, 40, 290, 230)),
    "flat": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "framed": lambda image: ImageOps.expand(image, 30, (250, 250, 250)),
    "grey": lambda image: image.convert("L"),
    "large": lambda image: image.resize((512, 410)),
    "mirrored": ImageOps.mirror,
    "noisy": lambda image: Image.blend(
        image, Image.effect_noise(image.size, 60).convert("RGB"), 0.2
    ),
    "posterised": lambda image: ImageOps.posterize(image, 3),
    "rotated": lambda image: image.rotate(8, Image.Resampling.BICUBIC),
    "screen": screenshot,
    "sepia": lambda image: ImageOps.colorize(image.convert("L"), (30, 10, 0), (255, 240, 200)),
    "small": lambda image: image.resize((120, 96)),
    "squeezed": lambda image: image.resize((320, 200)),
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "upside down": ImageOps.flip,
}


@pytest.mark.slow
def test_every_planted_leak_is_reported_and_nothing_else(tmp_path):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for number, (name, edit) in enumerate(LEAKS.items()):
        save(theirs / f"{number}.png", detailed(4000 + number))
        leak = edit(Image.fromarray(detailed(4000 + number))).convert("RGB")
        save(mine / f"{name}.jpg", np.asarray(leak), quality=80)
    for number in range(20):
        save(theirs / f"other {number}.png", detailed(5000 + number))
        save(mine / f"own {number}.png", detailed(6000 + number))
        save(mine / f"own {number} again.jpg", detailed(6000 + number), quality=70)
    dedup(mine, out=tmp_path / "m.parquet", against=theirs, workspace=tmp_path / ".curate")
    rows = pq.read_table(tmp_path / "m.parquet").to_pylist()
    told = {row["path"]: row["duplicate_of"] for row in rows if row["duplicate_of"]}
    expected = {f"{name}.jpg": str(theirs / f"{k}.png") for k, name in enumerate(LEAKS)}
    assert told == expected


def test_a_folder_that_grew_has_the_groups_of_one_searched_at_once(copies, tmp_path):
    late = copies / "crop.jpg"
    kept = late.read_bytes()
    late.unlink()
    found_in(copies, tmp_path / "m.parquet")
    late.write_bytes(kept)
    save(copies / "new.png", detailed(50))
    _, grown = found_in(copies, tmp_path / "m.parquet")
    _, at_once = found_in(copies, tmp_path / "other" / "m.parquet")
    for column in ("group", "match", "keep", "duplicate_of"):
        assert [grown[path][column] for path in grown] == [at_once[path][column] for path in grown]


def test_the_cache_may_be_lost(copies, tmp_path):
    found_in(copies, tmp_path / "m.parquet")
    first = (tmp_path / "m.parquet").read_bytes()
    for path in (tmp_path / ".curate" / "copies").iterdir():
        path.write_bytes(b"damaged")
    found_in(copies, tmp_path / "m.parquet")
    assert (tmp_path / "m.parquet").read_bytes() == first


def test_damage_in_the_cache_is_told(copies, tmp_path):
    heard = Notes()
    found_in(copies, tmp_path / "m.parquet")
    damaged = tmp_path / ".curate" / "copies" / "evidence-000001.npz"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    dedup(copies, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate", progress=heard)
    assert [note for note in heard.notes if "evidence-000001" in note] == [
        f"{damaged} is damaged: its checksum does not fit; it is found out again"
    ]


def test_semantic_copies_need_a_model(copies, tmp_path):
    with pytest.raises(InputError, match="no trained model"):
        found_in(copies, tmp_path / "m.parquet", level=Level.SEMANTIC)


def test_the_semantic_rung_adds_to_the_near_one(trained, tmp_path):
    space = trained / ".curate"
    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=space)
    near = dedup(tmp_path / "m.parquet", workspace=space)
    config = DedupConfig(level=Level.SEMANTIC, max_removed=0.0)
    capped = dedup(tmp_path / "m.parquet", config, workspace=space)
    assert capped.n_duplicates == near.n_duplicates > 0
    assert capped.rungs[-1].match == "semantic"


def test_the_semantic_rung_uses_the_model_of_the_manifest_or_the_one_named(trained, tmp_path):
    space = tmp_path / ".curate"
    shutil.copytree(trained / ".curate", space)
    (space / "models" / "default").rename(space / "models" / "one")
    shutil.copytree(space / "models" / "one", space / "models" / "two")
    out, folder = tmp_path / "m.parquet", trained / "images"
    semantic = {"level": Level.SEMANTIC}
    cluster(folder, ClusterConfig(model="two"), out=out, workspace=space)
    dedup(out, DedupConfig(**semantic), workspace=space)
    with pytest.raises(UsageError, match="several models"):
        dedup(folder, DedupConfig(**semantic), out=tmp_path / "n.parquet", workspace=space)
    named = DedupConfig(**semantic, model="one")
    dedup(folder, named, out=tmp_path / "n.parquet", workspace=space)
    shutil.rmtree(space / "models" / "two")
    with pytest.raises(UsageError, match="no model 'two'"):
        dedup(out, DedupConfig(**semantic), workspace=space)
    dedup(out, named, workspace=space)
    with pytest.raises(UsageError, match="no model takes part"):
        DedupConfig(model="one")


def test_a_manifest_whose_images_changed_is_refused(copies, tmp_path):
    found_in(copies, tmp_path / "m.parquet")
    save(copies / "5.png", picture(5))
    (copies / "6.png").unlink()
    shutil.rmtree(tmp_path / ".curate")
    with pytest.raises(InputError, match="have changed or gone"):
        dedup(tmp_path / "m.parquet", workspace=tmp_path / ".curate")


def test_columns_of_the_user_and_of_other_stages_survive(copies, tmp_path):
    found_in(copies, tmp_path / "m.parquet")
    table = pq.read_table(tmp_path / "m.parquet")
    pq.write_table(table.append_column("mine", [list(range(15))]), tmp_path / "m.parquet")
    dedup(tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    dedup(copies, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    assert pq.read_table(tmp_path / "m.parquet")["mine"].to_pylist() == list(range(15))


def test_what_an_earlier_run_was_asked_for_does_not_stay(copies, tmp_path):
    out = tmp_path / "m.parquet"
    options = {"out": out, "workspace": tmp_path / ".curate"}
    pixels = Level.PIXELS
    save(tmp_path / "theirs" / "0.png", detailed(0))
    config = DedupConfig(level=pixels, labels="regex:([a-z]+)")
    dedup(copies, config, against=tmp_path / "theirs", **options)
    columns = {"duplicate_of_hash", "label_conflict"}
    assert columns <= set(pq.read_table(out).column_names)
    dedup(copies, DedupConfig(level=pixels), **options)
    assert columns & set(pq.read_table(out).column_names) == {"label_conflict"}  # labels stay


@pytest.mark.parametrize("keep", ["best", "shortest-path", "first", "largest", "oldest"])
def test_a_link_is_another_name_and_is_never_kept_in_place_of_its_file(copies, tmp_path, keep):
    (copies / "0").symlink_to(copies / "5.png")
    (copies / "hard.png").hardlink_to(copies / "5.png")
    (copies / "again").symlink_to(copies / "0.png")
    result, rows = found_in(copies, tmp_path / "m.parquet", keep=KeepPolicy(keep))
    for name, file in (("0", "5.png"), ("hard.png", "5.png"), ("again", "0.png")):
        row, of_file = rows[name], rows[file]
        tie = ("file", file) if of_file["keep"] else (of_file["match"], of_file["duplicate_of"])
        assert (row["match"], row["duplicate_of"], row["keep"]) == (*tie, False)
        assert row["group"] == of_file["group"] is not None
    assert rows["5.png"]["keep"]
    (links,) = (count for count in result.rungs if count.match == "file")
    assert (links.n_images, links.bytes) == (3, 0)
    assert (result.n_images, result.n_duplicates, result.n_links) == (18, 5, 3)


def test_a_link_goes_with_its_file_for_what_stays_and_comes_back_with_it(copies, tmp_path):
    (copies / "zlink").symlink_to("jpeg.jpg")
    (copies / "zhard.jpg").hardlink_to(copies / "jpeg.jpg")
    _, rows = found_in(copies, tmp_path / "m.parquet")
    ties = ("match", "duplicate_of", "similarity", "group", "keep")
    for name in ("zlink", "zhard.jpg"):
        assert [rows[name][tie] for tie in ties] == [rows["jpeg.jpg"][tie] for tie in ties]
        assert rows[name]["keep_reason"] == "another name of the same file"
    before = sorted(copies.iterdir())
    config = PruneConfig(action=Removal.MOVE, to=tmp_path / "gone", is_plan=False)
    pruned = prune(tmp_path / "m.parquet", config)
    assert (pruned.n_images, pruned.left) == (7, {})
    assert not (copies / "zlink").is_symlink()
    restore(Path(pruned.journal))
    assert sorted(copies.iterdir()) == before
    assert (copies / "zlink").read_bytes() == (copies / "jpeg.jpg").read_bytes()


def test_a_link_whose_file_lies_elsewhere_is_judged_like_a_file(copies, tmp_path):
    save(tmp_path / "else" / "x.png", detailed(50))
    (copies / "link.png").symlink_to(tmp_path / "else" / "x.png")
    _, rows = found_in(copies, tmp_path / "m.parquet")
    assert (rows["link.png"]["match"], rows["link.png"]["keep"]) == (None, True)


def test_a_manifest_of_larger_pictures_than_the_last_scan_read_is_usable(copies, tmp_path):
    found_in(copies, tmp_path / "m.parquet")
    first = (tmp_path / "m.parquet").read_bytes()
    workspace, small = tmp_path / ".curate", ScanConfig(max_pixels=70_000)
    result = dedup(copies, out=tmp_path / "n.parquet", scan_config=small, workspace=workspace)
    assert result.n_unreadable == 14
    dedup(tmp_path / "m.parquet", workspace=workspace)
    assert (tmp_path / "m.parquet").read_bytes() == first


def test_a_limit_of_pixels_holds_for_what_is_compared_against_too(copies, tmp_path):
    save(tmp_path / "other" / "0.png", detailed(0))
    save(tmp_path / "other" / "small.png", picture(1))
    result = dedup(
        copies,
        out=tmp_path / "m.parquet",
        against=tmp_path / "other",
        scan_config=ScanConfig(max_pixels=70_000),
        workspace=tmp_path / ".curate",
    )
    assert (result.n_unreadable, result.n_duplicates) == (14, 0)


def test_links_are_names_of_files_at_the_level_file(copies, tmp_path):
    (copies / "link.png").symlink_to("3.png")
    result, rows = found_in(copies, tmp_path / "m.parquet", level=Level.FILE)
    assert (result.n_duplicates, result.n_links) == (0, 1)
    assert (rows["link.png"]["match"], rows["link.png"]["keep"]) == ("file", False)
    assert all(row["match"] is None for path, row in rows.items() if path != "link.png")


def against(folder, other, out):
    result = dedup(folder, out=out, against=other, workspace=out.parent / ".curate")
    return result, {row["path"]: row for row in pq.read_table(out).to_pylist()}


def test_no_image_is_a_copy_of_itself(copies, tmp_path):
    (tmp_path / "linked").symlink_to(copies)
    for other in (copies, tmp_path / "linked"):
        result, rows = against(copies, other, tmp_path / "m.parquet")
        assert (result.n_duplicates, result.n_links, result.n_images) == (0, 0, 15)
        assert all(row["keep"] and row["match"] is None for row in rows.values())


def test_what_is_new_is_compared_with_all_else_of_the_folder_that_it_lies_in(copies, tmp_path):
    save(copies / "new" / "a.jpg", detailed(3), quality=80)
    save(copies / "new" / "b.png", detailed(70))
    result, rows = against(copies / "new", copies, tmp_path / "m.parquet")
    assert (result.n_duplicates, rows["b.png"]["keep"]) == (1, True)
    assert rows["a.jpg"]["duplicate_of"] == str(copies / "3.png")


def test_copies_of_a_folder_within_the_source_are_told_and_those_elsewhere_in_it_are_not(
    copies, tmp_path
):
    (copies / "golden").mkdir()
    for name in ("jpeg.jpg", "mirror.jpg", "5.png"):
        (copies / name).rename(copies / "golden" / name)
    save(copies / "4 again.jpg", detailed(4), quality=80)
    out = tmp_path / "m.parquet"
    result, rows = against(copies, copies / "golden", out)
    told = {path for path, row in rows.items() if row["keep"] is False}
    assert told == {"0.png", "bytes.png", "pixels.bmp", "crop.jpg"}
    assert {rows[path]["duplicate_of"] for path in told} <= {"golden/jpeg.jpg", "golden/mirror.jpg"}
    assert {rows[path]["keep_reason"] for path in told} == {"the kept one is in both sources"}
    kept = rows[rows["0.png"]["duplicate_of"]]
    assert (kept["group"], kept["match"], kept["keep"]) == (rows["0.png"]["group"], None, True)
    assert result.n_duplicates == 4
    save(copies / "golden" / "new.jpg", detailed(5), quality=80)  # the manifest has it not
    _, rows = against(out, copies / "golden", out)
    assert {path for path, row in rows.items() if row["keep"] is False} == told | {"golden/5.png"}


def test_a_link_to_an_image_of_the_other_source_is_another_name_of_it(copies, tmp_path):
    mine = tmp_path / "mine"
    save(mine / "new.png", detailed(70))
    (mine / "link.png").symlink_to(copies / "3.png")
    (mine / "hard.png").hardlink_to(copies / "4.png")
    (copies / "of mine.png").symlink_to(mine / "new.png")
    result, rows = against(mine, copies, tmp_path / "m.parquet")
    assert (result.n_duplicates, result.n_links, result.n_images) == (0, 2, 3)
    assert (rows["new.png"]["match"], rows["new.png"]["keep"]) == (None, True)
    for name, file in (("link.png", "3.png"), ("hard.png", "4.png")):
        row = rows[name]
        told = (row["match"], row["duplicate_of"], row["keep"], row["duplicate_of_hash"])
        assert told == ("file", str(copies / file), False, row["hash"])


def test_a_link_to_a_file_that_is_a_name_of_theirs_is_one_too(copies, tmp_path):
    mine = tmp_path / "mine"
    save(mine / "new.png", detailed(70))
    (mine / "hard.png").hardlink_to(copies / "4.png")
    (mine / "soft.png").symlink_to("hard.png")
    _, rows = against(mine, copies, tmp_path / "m.parquet")
    for name in ("hard.png", "soft.png"):
        row = rows[name]
        told = (row["duplicate_of"], row["keep"], row["duplicate_of_hash"])
        assert told == (str(copies / "4.png"), False, row["hash"])


def test_a_protected_link_has_no_hash_of_another_file(copies, tmp_path):
    mine = tmp_path / "mine"
    save(mine / "new.png", detailed(70))
    (mine / "gold").mkdir()
    (mine / "gold" / "l.png").symlink_to("../new.png")
    out = tmp_path / "m.parquet"
    config = DedupConfig(protect=("gold",))
    dedup(mine, config, out=out, against=copies, workspace=tmp_path / ".curate")
    (row,) = (row for row in pq.read_table(out).to_pylist() if row["path"] == "gold/l.png")
    assert (row["keep"], row["duplicate_of"], row["duplicate_of_hash"]) == (True, None, None)


def test_a_cache_of_another_version_is_no_damage(copies, tmp_path):
    heard = Notes()
    dedup(copies, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    (tmp_path / ".curate/copies/version.json").write_text('{"version": 0}')
    dedup(copies, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate", progress=heard)
    assert any("of another version" in note for note in heard.notes)
    assert not any("damaged" in note for note in heard.notes)


def test_a_member_of_an_archive_that_both_sources_have_is_no_copy_of_itself(copies, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(copies / "0.png", "0.png")
        archive.add(copies / "bytes.png", "bytes.png")
    shutil.copy(tmp_path / "a.tar", tmp_path / "b.tar")
    both = str(tmp_path / "{a,b}.tar")
    result, _ = against(tmp_path / "a.tar", tmp_path / "a.tar", tmp_path / "m.parquet")
    assert result.n_duplicates == 0
    result, rows = against(tmp_path / "a.tar", both, tmp_path / "m.parquet")
    assert result.n_duplicates == 2
    assert all("b.tar" in row["duplicate_of"] for row in rows.values())


def test_a_protected_link_stays_and_so_does_its_file(copies, tmp_path):
    (copies / "gold").mkdir()
    (copies / "gold" / "link.jpg").symlink_to("../jpeg.jpg")
    (copies / "link.jpg").symlink_to("jpeg.jpg")
    result, rows = found_in(copies, tmp_path / "m.parquet", protect=("gold",))
    assert (result.n_links, result.rungs[0].match, result.rungs[0].n_images) == (2, "file", 1)
    assert [rows[path]["keep"] for path in ("gold/link.jpg", "jpeg.jpg", "link.jpg")] == [
        True, True, False,
    ]  # fmt: skip
    assert rows["gold/link.jpg"]["duplicate_of"] is None
    assert rows["0.png"]["duplicate_of"] == "jpeg.jpg"
