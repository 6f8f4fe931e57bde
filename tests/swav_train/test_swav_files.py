import pytest

from swav_train.files import check_model_folder, lock_folder, remove_partials, replace_file


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


@pytest.mark.parametrize("name", ["photo.jpg", "weights.pt", ".hidden", "inputs.json"])
def test_a_folder_that_holds_anything_but_a_model_is_refused(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"holds {name}"):
        check_model_folder(tmp_path, ["model.json"])
    check_model_folder(tmp_path, ["model.json", name])


def test_a_new_folder_and_one_of_a_killed_training_are_good_places(tmp_path):
    check_model_folder(tmp_path / "new", [])
    (tmp_path / ".model.json.partial").touch()
    check_model_folder(tmp_path, ["model.json"])
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="not a folder"):
        check_model_folder(tmp_path / "file", [])


def test_one_process_at_a_time_writes_a_model(tmp_path):
    with (
        lock_folder(tmp_path / "model"),
        pytest.raises(ValueError, match="another training"),
        lock_folder(tmp_path / "model"),
    ):
        pass
    with lock_folder(tmp_path / "model"):
        pass
