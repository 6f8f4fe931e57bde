import pytest

from curate.annotations.open_labels import open_labels
from curate.choices import Labels
from curate.errors import InputError, UsageError


def labels(asked, text, *paths):
    return open_labels(text).read(asked(*paths)).label.to_pylist()


def test_a_folder_names_its_images_and_the_top_names_none(asked):
    assert labels(asked, "folder", "cat/a.jpg", "x/dog/b.jpg", "c.jpg") == ["cat", "dog", None]


def test_nothing_is_asked_for(asked):
    assert labels(asked, "none", "cat/a.jpg") == [None]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"n\d+", ["n01", None]),
        (r"n(\d+)_", ["01", None]),
        (r"(?P<year>\d)/.*_(?P<label>[a-z]+)", ["fish", "owl"]),
        (r"^(\d)/", ["1", "2"]),
    ],
)
def test_a_pattern_takes_its_group_from_the_path(asked, pattern, found):
    assert labels(asked, f"regex:{pattern}", "1/n01_fish.jpg", "2/x_owl.jpg") == found


def test_a_pattern_that_is_none_or_finds_nothing_is_told(asked):
    with pytest.raises(UsageError, match="is no regular expression"):
        open_labels("regex:(")
    with pytest.raises(InputError, match=r"'q\+' finds nothing in any path, such as a\.jpg"):
        labels(asked, "regex:q+", "a.jpg")


@pytest.mark.parametrize("text", ["foldr", "yes"])
def test_a_word_that_names_no_source_is_refused(text):
    with pytest.raises(UsageError, match="labels cannot be") as caught:
        open_labels(text)
    assert all(choice.value in caught.value.hint for choice in Labels)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="no labels at"):
        open_labels(str(tmp_path / "labels.csv:kind"))
