from curate import diff
from tests.stages.made_manifest import write_made_manifest


def test_images_that_were_added_removed_moved_or_changed_are_listed(tmp_path):
    old = write_made_manifest(
        tmp_path / "a", {"same": "1", "changed": "2", "gone": "3", "here": "4"}
    )
    new = write_made_manifest(
        tmp_path / "b", {"same": "1", "changed": "9", "new": "5", "there": "4"}
    )
    result = diff(old, new)
    assert (result.came, result.went, result.changed) == (["new"], ["gone"], ["changed"])
    assert result.moved == [("here", "there")]
    assert result.n_same == 1


def test_groups_are_compared_by_their_members_and_not_by_number(tmp_path):
    contents = {path: path for path in "abcd"}
    old = write_made_manifest(tmp_path / "a", contents, cluster=[0, 0, 1, 1], keep=[True] * 4)
    new = write_made_manifest(
        tmp_path / "b", contents, cluster=[7, 7, 3, 4], keep=[True, False, True, True]
    )
    assert diff(old, new).columns == {"cluster": 2, "keep": 1, "label": 0}


def test_a_manifest_equals_itself(tmp_path):
    path = write_made_manifest(tmp_path / "a", {"x": "1", "y": "1"})
    result = diff(path, path)
    assert (result.n_same, result.came, result.went, result.moved, result.changed) == (
        2,
        [],
        [],
        [],
        [],
    )


def test_of_several_images_with_one_content_the_first_has_moved(tmp_path):
    old = write_made_manifest(tmp_path / "a", {"here": "1"})
    new = write_made_manifest(tmp_path / "b", {"there": "1", "too": "1"})
    result = diff(old, new)
    assert (result.moved, result.came, result.went) == ([("here", "there")], ["too"], [])


def test_a_value_that_is_missing_on_one_side_differs(tmp_path):
    contents = {path: path for path in "abc"}
    old = write_made_manifest(
        tmp_path / "a", contents, split=["train", None, None], group=[1, 1, None]
    )
    new = write_made_manifest(
        tmp_path / "b", contents, split=["train", "val", None], group=[1, None, None]
    )
    assert diff(old, new).columns == {"group": 2, "split": 1, "label": 0}
