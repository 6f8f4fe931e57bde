from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest

import curate
from curate.choices import Level, Quota
from curate.errors import UsageError
from curate.field_types import take_types
from curate.workspace.scan import ScanConfig

CONFIGS = [
    *(getattr(curate, name) for name in curate.__all__ if name.endswith("Config")),
    ScanConfig,
]
NEEDED = {"EngineConfig": {"address": "processes"}, "SampleConfig": {"size": 1}}
FIELDS = [(config, one.name) for config in CONFIGS for one in fields(config)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    share: float = 0.5
    n: int = 1
    to: Path | None = None
    names: tuple[str, ...] = ()
    level: Level | None = None
    ratios: tuple[tuple[str, float], ...] = ()
    quota: Quota | Path = Quota.EQUAL
    is_on: bool = False

    def __post_init__(self):
        take_types(self)


@pytest.mark.parametrize(("config", "field"), FIELDS)
@pytest.mark.parametrize("wrong", [object(), {"a": 1}, b"bytes", 1j])
def test_a_wrong_type_in_any_field_of_any_config_is_told_with_a_hint(config, field, wrong):
    with pytest.raises(UsageError, match=field) as caught:
        config(**(NEEDED.get(config.__name__, {}) | {field: wrong}))
    assert caught.value.hint


def test_every_config_of_the_api_is_among_them():
    assert len(CONFIGS) == 16


def test_values_become_what_the_fields_say():
    made = Made(
        share=1, n=np.int64(3), to="a/b", names="alone", level="near", ratios=[["train", 1]],
        quota="shares.csv",
    )  # fmt: skip
    assert made == Made(
        share=1.0, n=3, to=Path("a/b"), names=("alone",), level=Level.NEAR,
        ratios=(("train", 1.0),), quota=Path("shares.csv"),
    )  # fmt: skip
    assert type(made.share) is float
    assert type(made.n) is int
    assert Made(quota="equal").quota is Quota.EQUAL
    assert Made(names=["a", "b"]).names == ("a", "b")


@pytest.mark.parametrize(
    ("field", "wrong", "message", "hint"),
    [
        ("share", "x", "share must be a number, got 'x'", "leave share out for 0.5"),
        ("n", True, "n must be a whole number, got True", "leave n out for 1"),
        ("n", 1.5, "n must be a whole number, got 1.5", "leave n out for 1"),
        ("is_on", 1, "is_on must be True or False, got 1", "leave is_on out for False"),
        ("to", 3, "to must be a path or None, got 3", "leave to out for None"),
        ("names", [1], "names must be a sequence, each a text, got [1]", "leave names out for ()"),
        (
            "ratios",
            ["train"],
            "ratios must be a sequence, each (a text, a number), got ['train']",
            "leave ratios out for ()",
        ),
    ],
)  # fmt: skip
def test_the_message_says_what_a_field_takes(field, wrong, message, hint):
    with pytest.raises(UsageError) as caught:
        Made(**{field: wrong})
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_dedup_of_a_wrong_precision_is_told():
    with pytest.raises(UsageError, match="precision must be a number, got 'x'"):
        curate.DedupConfig(precision="x")
