import inspect
from enum import StrEnum
from typing import get_args

import pytest

import curate
from curate.choices import check_device, find_choice
from swav_train.config import Precision as SwavPrecision
from swav_train.presets import PRESETS

CHOICES = [
    ("ClusterConfig", "assign", "balanced", "balancd"),
    ("DedupConfig", "level", "pixels", "pixel"),
    ("DedupConfig", "keep", "shortest-path", "shortest"),
    ("DedupConfig", "on_conflict", "drop", "dropp"),
    ("ExportConfig", "form", "hardlink", "hardlnk"),
    ("ExportConfig", "layout", "split/label", "split-label"),
    ("ExportConfig", "changed", "take", "taken"),
    ("PruneConfig", "action", "hardlink", "hardlnk"),
    ("ReportConfig", "map", "umap", "umapp"),
    ("SampleConfig", "within", "diverse", "divers"),
    ("TrainConfig", "precision", "bfloat16", "bfloat"),
    ("TrainConfig", "recipe", "paper", "papers"),
    ("TrainConfig", "start", "auto", "autos"),
]
NEEDED = {"SampleConfig": {"size": 1}}
WITH_DEVICE = ["ClusterConfig", "EmbedConfig", "ProbeConfig", "SearchConfig", "TrainConfig"]


@pytest.mark.parametrize(("config", "field", "name", "wrong"), CHOICES)
def test_a_choice_takes_its_name_and_a_wrong_one_names_the_nearest(config, field, name, wrong):
    kind, needed = getattr(curate, config), NEEDED.get(config, {})
    value = getattr(kind(**needed, **{field: name}), field)
    assert type(value).__name__ in curate.__all__
    assert value.value == name
    assert getattr(kind(**needed, **{field: value}), field) is value
    with pytest.raises(ValueError, match=f"did you mean {name}"):
        kind(**needed, **{field: wrong})
    others = (3, object()) if field in {"recipe", "action", "start"} else (None, 3, object())
    for other in others:
        with pytest.raises(curate.UsageError, match=f"{field} cannot be"):
            kind(**needed, **{field: other})


def test_every_field_that_is_a_closed_choice_is_tried_here():
    tried = {(config, field) for config, field, _, _ in CHOICES}
    tried.add(("SampleConfig", "quota"))  # a file of shares is the other way: not closed
    found = set()
    for name in curate.__all__:
        thing = getattr(curate, name)
        if name.endswith("Config"):
            for parameter in inspect.signature(thing).parameters.values():
                kinds = (parameter.annotation, *get_args(parameter.annotation))
                if any(isinstance(kind, type) and issubclass(kind, StrEnum) for kind in kinds):
                    found.add((name, parameter.name))
    assert found == tried


@pytest.mark.parametrize("config", ["ClusterConfig", "DedupConfig"])
def test_labels_are_a_choice_or_a_file_or_a_pattern(config):
    kind = getattr(curate, config)
    assert kind(labels="folder").labels == curate.Labels.FOLDER
    assert kind(labels="some/table.csv:species").labels == "some/table.csv:species"
    for wrong, message in (
        ("foldr", "did you mean folder"),
        (None, "labels must be a text, got None"),
    ):
        with pytest.raises(curate.UsageError, match=message):
            kind(labels=wrong)


def test_a_search_takes_the_name_of_what_it_is_by():
    with pytest.raises(ValueError, match="did you mean copies"):
        curate.search(["a.jpg"], by="copy")


@pytest.mark.parametrize("config", WITH_DEVICE)
@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CPU", "", "cuda:-1", "mps", 3, None])
def test_a_device_is_checked_at_the_door(config, device):
    with pytest.raises(ValueError, match=r"device (cannot|must) be"):
        getattr(curate, config)(device=device)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices_have_these_names(device):
    check_device(device)


def test_names_that_swav_train_knows_are_the_same():
    assert [one.value for one in curate.Precision] == [one.value for one in SwavPrecision]
    assert [one.value for one in curate.Recipe] == list(PRESETS)


def test_every_result_config_choice_and_error_is_public():
    for name in curate.__all__:
        assert getattr(curate, name) is not None
    assert issubclass(curate.UsageError, curate.CurateError)
    assert find_choice("near", curate.Level, name="level") is curate.Level.NEAR
