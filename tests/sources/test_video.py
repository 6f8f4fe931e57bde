import hashlib
from itertools import chain

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.annotations.add_labels import add_labels
from curate.cli.app import main
from curate.copies.config import DedupConfig
from curate.errors import InputError, UsageError
from curate.progress import Silent
from curate.sources import add_fps, make_place, open_source
from curate.sources.video_frames import take_frames
from curate.stages.dedup import dedup
from curate.stages.split import SplitConfig, split
from curate.workspace.scan import scan

av = pytest.importorskip("av", reason="clips need the extra video")


def write_clip(path, *, seed, seconds=6, rate=10, lengths=None, fades=False, size=8):
    """Write a clip of random scenes, a new one each second, or each of so many frames."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("mpeg4", rate=rate)
        stream.width, stream.height = 8 * size, 48
        stream.pix_fmt, stream.gop_size = "yuv420p", 12
        for length in lengths or [rate] * seconds:
            scene = np.kron(rng.integers(0, 256, (6, size, 3)), np.ones((8, 8, 1)))
            for number in range(length):
                light = min(1, number / 10) if fades else 1
                pixels = np.ascontiguousarray(scene * light, np.uint8)
                pixels[:4, : 1 + number % rate] = 255
                clip.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        clip.mux(stream.encode(None))
    return path


def scanned(address, workspace):
    with workspace.writing():
        return scan(address, workspace, Silent())


def test_frames_of_a_clip_have_their_time_and_are_found_again_in_any_order(tmp_path, workspace):
    write_clip(tmp_path / "clips/a.mp4", seed=1)
    found = scanned(f"{tmp_path}/clips#fps=2", workspace)
    rows = found.table.to_pylist()
    times = [f"a.mp4#00:00:0{s}.{ms}" for s in range(6) for ms in ("000", "500")]
    assert [row["path"] for row in rows] == times
    assert {row["status"] for row in rows} == {"ok"}
    assert (rows[3]["container"], rows[3]["member"]) == ("a.mp4", "00:00:01.500")
    source = open_source(found.source)
    for row in [*rows, *rows[::-1], rows[5]]:
        content = source.read(row["path"], make_place(row))
        assert hashlib.sha256(content).hexdigest() == row["hash"]
    assert scanned(found.source, workspace).n_read == 0


def test_clips_lie_beside_images_and_only_where_frames_are_asked_for(images, workspace):
    write_clip(images / "clip.mp4", seed=1, seconds=2)
    assert scanned(images, workspace).passed_over[".mp4"] == 1
    found = scanned(f"{images}#fps=1", workspace)
    assert len(found.table) == 28 + 2
    assert ".mp4" not in found.passed_over
    with pytest.raises(InputError, match="no archive, table or list") as caught:
        open_source(images / "clip.mp4")
    assert "--fps 1" in caught.value.hint
    assert len(scanned(f"{images}/clip.mp4#fps=1", workspace).table) == 2


def test_a_damaged_clip_is_a_row_that_says_so(tmp_path, workspace):
    write_clip(tmp_path / "good.mp4", seed=1, seconds=2)
    (tmp_path / "bad.mp4").write_bytes(b"no clip at all" * 100)
    rows = scanned(f"{tmp_path}#fps=1", workspace).table.to_pylist()
    assert [(row["path"], row["status"]) for row in rows] == [
        ("bad.mp4", "unreadable"),
        ("good.mp4#00:00:00.000", "ok"),
        ("good.mp4#00:00:01.000", "ok"),
    ]
    assert "cannot be read, or not to its end" in rows[0]["reason"]


def test_frames_of_one_track_stay_in_one_split(tmp_path):
    for number in range(6):
        write_clip(tmp_path / f"clips/{number}.mp4", seed=number, seconds=3)
    address = add_fps([tmp_path / "clips"], 2)
    manifest = tmp_path / "m.parquet"
    dedup(address, DedupConfig(level="bytes"), out=manifest, workspace=tmp_path / ".curate")
    split(manifest, SplitConfig(ratios=(("train", 0.5), ("test", 0.5))))
    table = pq.read_table(manifest)
    assert set(table["track"].to_pylist()) == {f"{number}.mp4" for number in range(6)}
    pairs = set(zip(table["track"].to_pylist(), table["split"].to_pylist(), strict=True))
    assert len(pairs) == 6
    assert {name for _, name in pairs} == {"train", "test"}


def test_the_option_names_the_frames_a_second(tmp_path, monkeypatch):
    write_clip(tmp_path / "clips/a.mp4", seed=1, seconds=3)
    words = [str(tmp_path / "clips"), "--fps", "1", "--level", "bytes", "--quiet"]
    words += ["--out", str(tmp_path / "m.parquet"), "--workspace", str(tmp_path / ".curate")]
    monkeypatch.setattr("sys.argv", ["curate", "dedup", *words])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    assert pq.read_table(tmp_path / "m.parquet")["track"].to_pylist() == ["a.mp4"] * 3


def test_fps_is_of_a_source_that_is_named():
    with pytest.raises(UsageError, match="of a source that is named"):
        add_fps(None, 1.0)


@pytest.mark.parametrize("asked", ["0", "-1", "inf", "nan", "many", ""])
def test_frames_are_asked_for_by_a_number_or_by_scenes(asked):
    with pytest.raises(UsageError, match="no number of frames a second") as caught:
        add_fps(["clips"], asked)
    assert "--fps scenes" in caught.value.hint


def test_one_frame_of_each_scene_is_taken_and_found_again(tmp_path, workspace):
    write_clip(tmp_path / "clips/a.mp4", seed=1)
    [address] = add_fps([tmp_path / "clips"], "scenes")
    found = scanned(address, workspace)
    rows = found.table.to_pylist()
    # scenes of ten frames: the frame at place 4, of 0.1 s each
    assert [row["path"] for row in rows] == [f"a.mp4#00:00:0{s}.400" for s in range(6)]
    assert found.source.endswith("#fps=scenes")
    source = open_source(found.source)
    contents = [source.read(row["path"], make_place(row)) for row in rows]
    assert [hashlib.sha256(one).hexdigest() for one in contents] == [row["hash"] for row in rows]
    assert scanned(found.source, workspace).n_read == 0


def test_a_frame_is_of_the_second_quarter_of_its_scene_however_long_that_is(tmp_path):
    assert take_numbers(tmp_path, [2, 3, 4, 5, 9, 2]) == [0, 3, 6, 11, 18, 23]


def test_a_fade_from_black_is_not_taken(tmp_path, workspace):
    write_clip(tmp_path / "clips/a.mp4", seed=1, seconds=4, rate=20, fades=True)
    rows = scanned(f"{tmp_path}/clips#fps=scenes", workspace).table.to_pylist()
    assert len(rows) == 4
    assert min(row["brightness"] for row in rows) > 0.3


def test_a_clip_whose_pictures_change_their_size_goes_on(tmp_path):
    clips = [write_clip(tmp_path / f"{k}.mp4", seed=k, seconds=2, size=k) for k in (8, 6)]
    with av.open(str(clips[0])) as one, av.open(str(clips[1])) as other:
        frames = chain(one.decode(video=0), other.decode(video=0))
        taken = [frame for frame, _ in take_frames(av, one.streams.video[0], frames, "scenes")]
    assert [frame.width for frame in taken] == [64, 64, 48, 48]


def take_numbers(folder, lengths):
    """Return which frames are taken of a clip whose scenes are so many frames long."""
    path = write_clip(folder / "a.mp4", seed=1, lengths=lengths)
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        times = [seconds for _, seconds in take_frames(av, stream, clip.decode(stream), "scenes")]
    return [round(seconds * 10) for seconds in times]


def test_frames_have_the_label_of_the_folder_that_their_clip_lies_in(tmp_path, workspace):
    write_clip(tmp_path / "clips/cats/v.mp4", seed=1, seconds=1)
    write_clip(tmp_path / "clips/dogs/v.mp4", seed=2, seconds=1)
    found = scanned(f"{tmp_path}/clips#fps=2", workspace)
    rows = add_labels(found.manifest(), "folder", Silent()).rows
    assert rows.read(["label"])["label"].to_pylist() == ["cats"] * 2 + ["dogs"] * 2


def test_clips_of_a_list_are_taken_where_frames_are_asked_for(images, tmp_path, workspace):
    write_clip(tmp_path / "v.mp4", seed=1, seconds=1)
    (tmp_path / "l.txt").write_text("v.mp4\nimages/red/000.png\n")
    assert [row["path"] for row in scanned(tmp_path / "l.txt", workspace).table.to_pylist()] == [
        "images/red/000.png"
    ]
    (address,) = add_fps(str(tmp_path / "l.txt"), "2")
    found = scanned(address, workspace)
    assert [row["path"] for row in found.table.to_pylist()] == [
        "images/red/000.png",
        "v.mp4#00:00:00.000",
        "v.mp4#00:00:00.500",
    ]
    row = found.table.to_pylist()[2]
    content = open_source(found.source).read(row["path"], make_place(row))
    assert hashlib.sha256(content).hexdigest() == row["hash"]
