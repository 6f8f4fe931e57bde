import pytest

from swav_train.files import remove_partials, replace_file


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "note"
    path.write_text("old")

    def fail():
        with replace_file(path) as scratch:
            scratch.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / ".note.partial").write_text("left by a killed run")
    remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
