import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import curate
from curate.errors import UsageError


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: curate.train(3), "images must be a path or several paths, got 3"),
        (lambda: curate.train(["a", 3]), r"images must be a path or several paths, got \['a'"),
        (lambda: curate.split(None), "manifest must be a path, got None"),
        (lambda: curate.dedup("images", {"level": "near"}), "config must be a DedupConfig or None"),
        (lambda: curate.dedup("images", curate.SplitConfig()), "config must be a DedupConfig"),
        (lambda: curate.dedup("images", most_groups="3"), "most_groups must be a whole number"),
        (lambda: curate.dedup("images", workspace=3), "workspace must be a path or None, got 3"),
        (lambda: curate.info(clusters="yes"), "clusters must be True or False"),
        (
            lambda: curate.merge("a", "b", out="c", columns="ab"),
            "columns must be several",
        ),
        (lambda: curate.read_manifest(None), "path must be a path"),
        (lambda: curate.search(3), "queries must be a path or several"),
    ],
)
def test_an_argument_of_another_type_is_named(call, said):
    with pytest.raises(UsageError, match=said) as caught:
        call()
    assert caught.value.hint


@pytest.mark.parametrize(
    "call",
    [
        lambda: curate.train(""),
        lambda: curate.dedup(["images", ""]),
        lambda: curate.dedup("images", against=""),
        lambda: curate.dedup("images", out=""),
        lambda: curate.dedup("images", workspace=""),
        lambda: curate.search([""], by="copies"),
        lambda: curate.compare("a.png", ""),
        lambda: curate.export("m.parquet", ""),
    ],
)
def test_an_empty_path_is_not_the_folder_that_one_is_in(call):
    with pytest.raises(UsageError, match="empty"):
        call()
    with pytest.raises(UsageError, match="to must be a path"):
        curate.PruneConfig(action="move", to="")


@pytest.mark.parametrize("empty", [[], (), np.array([], str)])
@pytest.mark.parametrize("verb", [curate.dedup, curate.train])
def test_an_empty_list_of_sources_names_none(verb, empty, tmp_path):
    with pytest.raises(UsageError, match="no source is named") as caught:
        verb(empty, workspace=tmp_path / "w")
    assert "name a folder" in caught.value.hint
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("images", [{"a", "b"}, frozenset("ab"), {"a": 1}.keys()])
def test_what_has_no_order_is_no_list_of_sources(images):
    with pytest.raises(UsageError, match="target must be a path or several") as caught:
        curate.dedup(images)
    assert caught.value.hint == "write target=sorted(...): a set has no order"


def test_an_array_or_a_column_is_a_list(images, tmp_path):
    table = pd.DataFrame({"source": [str(images / "red"), str(images / "blue")]}, index=[4, 2])
    out = {"out": tmp_path / "m.parquet", "workspace": tmp_path / "w"}
    rows = curate.dedup(table["source"].to_numpy(), **out).n_images
    assert curate.dedup(table["source"], **out).n_images == rows == 18
    found = curate.search(
        np.array([images / "red/006.png"] * 2), by="copies", workspace=tmp_path / "w"
    )
    assert len(found.answers) == 2
    with pytest.raises(UsageError, match="queries must be"):
        curate.search(np.array("a.png"))


def test_a_wrong_parameter_is_told_with_the_verb():
    with pytest.raises(TypeError, match=r"^dedup\(\) got an unexpected keyword argument 'images'"):
        curate.dedup(images="images")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: curate.dedup("m", level="scene"),
            r"'level'; write config=DedupConfig\(level=...\)",
        ),
        (lambda: curate.sample("m", size=5), r"'config'; write config=SampleConfig\(size=...\)"),
        (
            lambda: curate.dedup("m", keep="best", max_pixels=9),
            r"write config=DedupConfig\(keep=...\); write scan_config=ScanConfig\(max_pixels=...\)",
        ),
    ],
)
def test_a_setting_that_is_given_as_an_argument_is_told_where_it_goes(call, told):
    with pytest.raises(TypeError, match=told):
        call()


def test_all_public_names_can_be_listed():
    assert {*curate.__all__} <= {*dir(curate)}


def test_paths_may_be_text_and_one_picture_is_one(trained, monkeypatch, tmp_path):
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    config = curate.SearchConfig(k=3)
    for picture in ("images/red/006.png", Path("images/red/006.png"), ["images/red/006.png"]):
        (answer,) = curate.search(picture, config, workspace=".curate").answers
        assert answer.query == "images/red/006.png"
    (answer,) = curate.search(like="red/006.png", config=config, workspace=".curate").answers
    assert answer.query == "red/006.png"
    result = curate.dedup("images", out="m.parquet", workspace="w2")
    assert Path(result.workspace) == tmp_path / "here" / "w2"
    assert curate.info(workspace="w2").workspace == result.workspace
    assert curate.verify(workspace="w2").n_files
