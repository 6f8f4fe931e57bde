import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.annotations.matching import match_names
from curate.annotations.open_labels import open_labels
from curate.errors import InputError, UsageError
from tests.annotations.conftest import write

PATHS = ("train/a.jpg", "train/b.jpg", "val/a.jpg", "val/c 1.png", "val/d%41.png")


def match(asked, *names):
    return match_names(pa.array(names, pa.string()), asked(*PATHS), source="x.csv").tolist()


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("train/a.jpg", 0),
        ("./train/a.jpg", 0),
        ("train\\b.jpg", 1),
        ("data/set/train/a.jpg", 0),
        ("b.jpg", 1),
        ("somewhere/else/b.jpg", 1),
        ("b", 1),
        ("val/c 1", 3),
        ("a.jpg", -1),
        ("a", -1),
        ("none.jpg", -1),
        ("val/d%41.png", 4),
    ],
)
def test_a_name_means_one_image_or_none(asked, name, row):
    paths = [path.replace("%41", "%2541") for path in PATHS]
    names = pa.array([name, "train/a.jpg"], pa.string())
    assert match_names(names, asked(*paths), source="x.csv").tolist() == [row, 0]


@pytest.mark.parametrize("start", ["x/a/", "https://h/a/", "/x/a/"])
def test_a_name_may_leave_out_the_folder_that_all_lie_in(asked, start):
    paths = [f"{start}{name}" for name in ("1.png", "b/1.png", "b/2.png")]
    names = pa.array(["1.png", "b/1.png"], pa.string())
    assert match_names(names, asked(*paths), source="x.csv").tolist() == [0, 1]


def test_an_absolute_path_below_the_source_is_found(asked, tmp_path):
    assert match(asked, str(tmp_path / "images/val/a.jpg")) == [2]


def test_a_table_that_names_nothing_here_is_refused_with_examples(asked):
    with pytest.raises(InputError, match=r"x\.csv names none of the images; it has q\.jpg, the"):
        match(asked, "q.jpg")


def test_a_csv_gives_each_image_its_class_and_joins_several(asked, tmp_path):
    text = "filename,class\na.jpg,cat\nb.jpg,dog\nb.jpg,cat\nb.jpg,dog\nq.jpg,cat\nc.jpg,\n"
    said = open_labels(str(write(tmp_path / "l.csv", text))).read(asked("a.jpg", "b.jpg", "c.jpg"))
    assert said.label.to_pylist() == ["cat", "cat;dog", None]
    assert said.objects is None
    assert said.notes == ["1 of the 4 images in l.csv is not here"]


def test_the_column_of_classes_can_be_named(asked, tmp_path):
    file = write(tmp_path / "l.csv", "kind,path,label\n1,a.jpg,x\n002,b.jpg,y\n")
    said = open_labels(f"{file}:kind").read(asked("a.jpg", "b.jpg"))
    assert said.label.to_pylist() == ["1", "002"]


def test_a_column_that_is_not_there_is_told_with_the_nearest(tmp_path):
    file = write(tmp_path / "l.csv", "path,species,label\na,b,c\n")
    with pytest.raises(UsageError, match=r"no column 'specie' \(did you mean species\?\)"):
        open_labels(f"{file}:specie")


def test_without_a_column_that_is_called_so_a_person_must_say_which(tmp_path):
    file = write(tmp_path / "l.csv", "path,one,two\na,b,c\n")
    with pytest.raises(UsageError, match="which one is it"):
        open_labels(str(file))


def test_parquet_works_alike_with_numbers_for_classes(asked, tmp_path):
    pq.write_table(pa.table({"image_id": ["a", "b"], "y": [3, 1]}), tmp_path / "l.parquet")
    said = open_labels(str(tmp_path / "l.parquet")).read(asked("b.jpg", "a.jpg"))
    assert said.label.to_pylist() == ["1", "3"]


def test_a_file_that_is_no_table_is_told(tmp_path):
    write(tmp_path / "l.parquet", "no table")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        open_labels(str(tmp_path / "l.parquet"))


def test_paths_of_urls_are_matched_as_they_stand(asked):
    images = asked("http://h/a%20b.png", "http://h/c%2520d.png")
    names = pa.array(["http://h/a%20b.png", "a%20b.png", "http://h/c%2520d.png"], pa.string())
    assert match_names(names, images, source="x.csv").tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "column", [[{"bytes": b"x", "path": "a.jpg"}], [b"\xff"], [["a.jpg"]]], ids=str
)
def test_no_column_of_pictures_or_lists_is_taken_for_names(asked, tmp_path, column):
    table = {"image": column * 2, "label": ["hat", "shoe"]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="no column of text beside 'label'"):
        open_labels(str(tmp_path / "t.parquet"))
    pq.write_table(pa.table(table | {"where": ["a.jpg", "b.jpg"]}), tmp_path / "t.parquet")
    said = open_labels(str(tmp_path / "t.parquet")).read(asked("a.jpg", "b.jpg"))
    assert said.label.to_pylist() == ["hat", "shoe"]


def test_a_table_may_have_a_name_that_is_not_utf8(asked, tmp_path):
    file = tmp_path / os.fsdecode(b"lab\xff.csv")
    file.write_text("path,label\na.jpg,hat\n")
    assert open_labels(str(file)).read(asked("a.jpg")).label.to_pylist() == ["hat"]
