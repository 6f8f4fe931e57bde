import errno

import pytest

from curate.errors import InputError, ResourceError
from curate.files import replacing, write_json


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


def test_arrows_full_disk_is_known_by_its_text(tmp_path):
    with pytest.raises(ResourceError, match="no space left"), replacing(tmp_path / "a"):
        raise OSError("Error writing bytes to file. Detail: [errno 28] No space left on device")


def test_other_failures_stay_what_they_are(tmp_path):
    with pytest.raises(TimeoutError), replacing(tmp_path / "a"):
        raise TimeoutError
