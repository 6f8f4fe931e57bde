import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.errors import InputError, ResourceError
from curate.files import (
    list_content,
    remove_scraps,
    replacing,
    replacing_folder,
    replacing_own_folder,
    write_json,
)
from curate.output_checks import check_output, check_output_folder


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "a") as scratch:
        scratch.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_survives_a_failure(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.json") as scratch:
        scratch.write_text("2")
        raise KeyboardInterrupt
    assert (tmp_path / "a.json").read_text() == "1\n"


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, ResourceError, "no space left"),
        (errno.EROFS, ResourceError, "cannot be written"),
        (errno.EACCES, ResourceError, "cannot be written"),
        (errno.ENOTDIR, InputError, "cannot be written"),
    ],
)
def test_what_the_disk_says_becomes_an_error_with_a_hint(tmp_path, number, kind, said):
    with pytest.raises(kind, match=said) as caught, replacing(tmp_path / "a"):
        raise OSError(number, "as the system has it")
    assert caught.value.hint
    assert caught.value.exit_code in (3, 4)


def test_on_a_full_disk_every_output_may_go_elsewhere(tmp_path):
    with pytest.raises(ResourceError) as caught, replacing(tmp_path / "report.html"):
        raise OSError(errno.ENOSPC, "as the system has it")
    for option in ("--out", "--to", "--workspace"):
        assert option in caught.value.hint


def test_arrows_full_disk_is_known_by_its_text(tmp_path):
    with pytest.raises(ResourceError, match="no space left"), replacing(tmp_path / "a"):
        raise OSError("Error writing bytes to file. Detail: [errno 28] No space left on device")


def test_other_failures_stay_what_they_are(tmp_path):
    with pytest.raises(TimeoutError), replacing(tmp_path / "a"):
        raise TimeoutError


def test_two_writers_of_one_file_do_not_share_a_scratch(tmp_path):
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "a") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def is_ours(path):
    return path.name.startswith("ours")


@pytest.mark.parametrize(
    "replace", [replacing_folder, lambda to: replacing_own_folder(to, is_ours)]
)
def test_a_folder_that_is_there_is_filled_and_stays_the_folder_that_it_is(tmp_path, replace):
    folder = tmp_path / "mount"
    folder.mkdir()
    before = folder.stat().st_ino
    with replace(folder) as scratch:
        assert scratch.parent == folder
        assert list_content(folder) == []
        (scratch / "ours").touch()
        (scratch / "deep").mkdir()
    assert names(folder) == ["deep", "ours"]
    assert folder.stat().st_ino == before
    assert names(tmp_path) == ["mount"]


def test_a_folder_whose_content_cannot_be_moved_has_what_it_had(tmp_path, monkeypatch):
    (tmp_path / "ours-before").touch()
    rename = Path.rename

    def fail_at_b(path, target):
        if path.name == "b":
            raise OSError(errno.EACCES, "as the system has it")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_b)
    with (
        pytest.raises(ResourceError, match="cannot be written"),
        replacing_own_folder(tmp_path, is_ours) as scratch,
    ):
        (scratch / "a").touch()
        (scratch / "b").touch()
    assert names(tmp_path) == ["ours-before"]


def test_of_two_who_fill_one_folder_the_first_to_end_stays(tmp_path):
    with (
        pytest.raises(InputError, match="filled by something else"),
        replacing_folder(tmp_path) as later,
        replacing_folder(tmp_path) as first,
    ):
        (later / "a").write_text("later")
        (first / "a").write_text("first")
    assert (tmp_path / "a").read_text() == "first"
    assert names(tmp_path) == ["a"]


def test_what_another_command_is_writing_into_a_folder_is_not_its_content(tmp_path):
    with replacing_own_folder(tmp_path, is_ours):
        check_output_folder(tmp_path, is_ours, what="sheets")
    (tmp_path / "mine").touch()
    with pytest.raises(InputError, match="holds mine"):
        check_output_folder(tmp_path, is_ours, what="sheets")


def test_names_of_255_bytes_can_be_written(tmp_path):
    name = "é" * 127
    write_json(tmp_path / name, 1)
    with replacing_folder(tmp_path / ("f" * 255)) as scratch:
        (scratch / "a").touch()
    assert {path.name for path in tmp_path.iterdir()} == {name, "f" * 255}


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_stays(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from curate.files import replacing\n"
        "with replacing(Path(sys.argv[1]) / 'a'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with replacing(tmp_path / "b") as scratch:
        remove_scraps(tmp_path)
        assert list(tmp_path.iterdir()) == [scratch]


def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(tmp_path):
    write_json(tmp_path / "real.json", 1)
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_json(tmp_path / "link.json", 2)
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "2\n"


def test_an_output_never_takes_the_place_of_what_is_not_ours(tmp_path):
    photo, folder, pipe = tmp_path / "a.jpg", tmp_path / "folder", tmp_path / "pipe"
    photo.write_bytes(b"a photo")
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (photo, folder, pipe, Path("/dev/null")):
        with pytest.raises(InputError):
            check_output(path, lambda _: False, what="a manifest")
    check_output(photo, lambda _: True, what="a manifest")
    check_output(tmp_path / "new" / "m.parquet", lambda _: False, what="a manifest")
    assert (tmp_path / "new").is_dir()
    assert photo.read_bytes() == b"a photo"


@pytest.mark.parametrize("place", ["s3://bucket/m.parquet", "http://me:secret@host/x/m.parquet"])
def test_the_address_of_a_bucket_is_no_place_for_an_output(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    for check in (check_output, check_output_folder):
        with pytest.raises(InputError, match="is an address elsewhere") as caught:
            check(Path(place), lambda _: True, what="a manifest")
        assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
