"""The report as a stage: what is on the page, from what, and what it says when it cannot."""

import html
import re
import shlex
import shutil

import pytest

import curate
from curate.errors import InputError, UsageError
from curate.workspace.workspace import Workspace
from tests.conftest import Notes
from tests.stages.made_manifest import write_made_manifest

HOSTILE = "</script><script>alert(1)</script>.png"


@pytest.fixture(scope="module")
def searched(trained, tmp_path_factory):
    """Return a folder with a copy of the images, clustered and searched, and its workspace."""
    root = tmp_path_factory.mktemp("report")
    shutil.copytree(trained / ".curate", root / ".curate")
    shutil.copytree(trained / "images", root / "images")
    space = root / ".curate"
    curate.cluster(root / "images", out=root / "m.parquet", workspace=space)
    curate.dedup(root / "m.parquet", workspace=space)
    curate.split(root / "m.parquet")
    return root


@pytest.fixture
def empty(tmp_path_factory):
    """Return a workspace that knows nothing."""
    space = Workspace(tmp_path_factory.mktemp("empty") / ".curate")
    with space.writing():
        space.remember(manifest=space.root / "another.parquet")
    return space.root


@pytest.fixture(scope="module")
def page(searched):
    done = curate.report(
        searched / "m.parquet", out=searched / "r.html", workspace=searched / ".curate"
    )
    return done, (searched / "r.html").read_text()


def list_parts(text):
    return re.findall(r'<section id="(\w+)"', text)


def test_the_page_has_every_part_that_the_manifest_has_columns_for(page):
    done, text = page
    assert list_parts(text) == [
        "summary",
        "unreadable",
        "copies",
        "map",
        "clusters",
        "balance",
        "outliers",
        "training",
    ]
    assert (done.n_images, done.n_unreadable, done.n_copies, done.n_groups) == (28, 2, 2, 2)
    assert (done.n_leaks, done.n_on_map) == (0, 26)


def test_each_advice_names_a_command_that_acts_on_this_manifest(page, searched):
    _, text = page
    commands = re.findall(r'data-copy="([^"]+)"', text)
    assert {command.split()[1] for command in commands} >= {"review", "export", "sheet"}
    assert all(str(searched / "m.parquet") in command for command in commands)


def test_commands_of_the_page_are_quoted_and_name_the_workspace(searched, tmp_path, monkeypatch):
    name = "my m; x $(id) 'é'.parquet"
    shutil.copy(searched / "m.parquet", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    curate.report(name, out=tmp_path / "r.html", workspace=searched / ".curate")
    text = (tmp_path / "r.html").read_text()
    commands = [html.unescape(one) for one in re.findall(r'data-copy="([^"]+)"', text)]
    assert {shlex.split(one)[1] for one in commands} >= {"review", "export", "sheet"}
    for command in commands:
        assert name in shlex.split(command)
        assert command.endswith(f"--workspace {searched / '.curate'}")


def test_images_are_shown_from_the_cache_when_the_source_is_gone(page, searched, tmp_path):
    _, before = page
    (searched / "images").rename(searched / "elsewhere")
    try:
        curate.report(
            searched / "m.parquet", out=tmp_path / "r.html", workspace=searched / ".curate"
        )
    finally:
        (searched / "elsewhere").rename(searched / "images")
    assert (tmp_path / "r.html").read_text() == before
    assert "not in the pixel cache" not in before


def test_images_that_the_workspace_lacks_are_counted_and_missed(searched, empty, tmp_path):
    heard = Notes()
    done = curate.report(
        searched / "m.parquet", out=tmp_path / "r.html", workspace=empty, progress=heard
    )
    text = (tmp_path / "r.html").read_text()
    assert (done.n_copies, done.n_on_map) == (2, 0)
    assert "not in the pixel cache" in text
    assert 'src="data:image' not in text
    (note,) = heard.notes
    assert note.startswith("26 of 26 images cannot be shown")
    assert "--workspace" in note


def test_without_a_workspace_no_page_is_written(searched, tmp_path):
    with pytest.raises(InputError, match="no workspace at") as lost:
        curate.report(searched / "m.parquet", out=tmp_path / "r.html", workspace=tmp_path / "no")
    assert "--workspace" in lost.value.hint
    assert list(tmp_path.iterdir()) == []


def test_names_labels_and_reasons_are_shown_and_run_nothing(empty, tmp_path):
    manifest = write_made_manifest(
        tmp_path / "m.parquet",
        {HOSTILE: "a" * 64, "b.png": "b" * 64},
        group=[0, 0],
        match=[None, "near"],
        duplicate_of=[None, HOSTILE],
        similarity=[None, 0.9],
        keep=[True, False],
        keep_reason=[None, HOSTILE],
        split=["train", "<i>test</i>"],
    )
    table = curate.read_manifest(manifest).rows.read()
    assert table["path"].to_pylist()[0] == HOSTILE
    curate.report(manifest, out=tmp_path / "r.html", workspace=empty)
    text = (tmp_path / "r.html").read_text()
    assert "alert(1)" in text
    assert HOSTILE not in text
    assert "<i>test</i>" not in text
    assert len(re.findall(r"<script\b", text)) == 1


def test_a_folder_without_an_image_says_so(tmp_path):
    manifest = write_made_manifest(tmp_path / "m.parquet", {})
    done = curate.report(manifest, out=tmp_path / "r.html", workspace=tmp_path / "none")
    assert done.n_images == 0
    assert "There are no images here." in (tmp_path / "r.html").read_text()


def test_what_cannot_be_reported_says_why_and_what_to_do(searched, tmp_path):
    space = searched / ".curate"
    with pytest.raises(InputError) as lost:
        curate.report(tmp_path / "none.parquet", out=tmp_path / "r.html", workspace=space)
    assert lost.value.hint
    with pytest.raises(UsageError, match="no name of a page") as named:
        curate.report(searched / "m.parquet", out=tmp_path / "r.txt", workspace=space)
    assert "--out report.html" in named.value.hint
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(InputError, match="not replaced"):
        curate.report(searched / "m.parquet", out=tmp_path / "r.html", workspace=space)
    with pytest.raises(ValueError, match="pca"):
        curate.ReportConfig(map="pcb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html"]


def test_a_report_is_replaced_by_the_next(page, searched):
    _, before = page
    curate.report(searched / "m.parquet", out=searched / "r.html", workspace=searched / ".curate")
    assert (searched / "r.html").read_text() == before


def test_words_fit_their_numbers(empty, tmp_path):
    one = write_made_manifest(tmp_path / "one.parquet", {"a.png": "a" * 64})
    curate.report(one, out=tmp_path / "r.html", workspace=empty)
    text = (tmp_path / "r.html").read_text()
    assert "<title>1 image – curate report</title>" in text
    pair = write_made_manifest(
        tmp_path / "pair.parquet",
        {"a.png": "a" * 64, "b.png": "b" * 64},
        group=[0, 0],
        match=[None, "near"],
        duplicate_of=[None, "a.png"],
        similarity=[None, 0.9],
        keep=[True, False],
        split=["train", "test"],
        objects=[["car"], []],
    )
    curate.report(pair, out=tmp_path / "r.html", workspace=empty)
    text = (tmp_path / "r.html").read_text()
    for words in (
        "0.1 of 1 copy is expected to be wrong",
        "1 image needs not be kept",
        "in 1 group; it takes",
        "group in several splits",
        "Objects of 1 class. 1 image holds none",
    ):
        assert words in text
