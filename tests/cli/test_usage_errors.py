"""A value that an option cannot have: what was wrong and what may be chosen, in our words."""

import re

import pytest

from curate.cli.app import COMMANDS, main
from curate.cli.stage_commands import ProgramCommands
from curate.errors import UsageError
from curate.pipeline.commands import Kind

TYPED = [
    (command.__name__, option)
    for command in COMMANDS
    for option in ProgramCommands().options(command.__name__).values()
    if not option.is_argument and (option.choices or option.kind in (Kind.INTEGER, Kind.NUMBER))
]


def told(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    error, hint = capsys.readouterr().err.splitlines()
    return error, hint


@pytest.mark.parametrize(
    ("command", "option"), TYPED, ids=[f"{command} {option.name}" for command, option in TYPED]
)
def test_every_typed_option_says_what_it_takes(capsys, command, option):
    dashes = "--" if len(option.name) > 1 else "-"
    name = f"{dashes}{option.name}"
    error, hint = told(capsys, command, name, "folly")
    if option.choices:
        assert re.fullmatch(rf"error: {name} cannot be 'folly'( \(did you mean \S+\?\))?", error)
        assert hint == f"hint: choose one of: {', '.join(option.choices)}"
    else:
        kind = "a whole number" if option.kind is Kind.INTEGER else "a number"
        assert re.fullmatch(rf"error: {name} must be {kind}(, at .*)?, got 'folly'", error)
        assert hint == f"hint: see `curate {command} --help`"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["sample", "m", "--size", "0"], "--size must be a whole number, at least 1, got '0'"),
        (["search", "a", "-k", "0"], "-k must be a whole number, at least 1, got '0'"),
        (["search", "a", "-k0"], "-k must be a whole number, at least 1, got '0'"),
        (["info", "--jobs=0"], "--jobs must be a whole number, at least 1, got '0'"),
        (
            ["dedup", "--level=bytes", "--level", "nea"],
            "--level cannot be 'nea' (did you mean near?)",
        ),
    ],
)
def test_the_value_that_counts_is_named_however_it_is_written(capsys, words, error):
    assert told(capsys, *words)[0] == f"error: {error}"


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("CURATE_JOBS", "0", "a whole number, at least 1"),
        ("CURATE_JSON", "perhaps", "true or false"),
    ],
)
def test_a_variable_of_the_environment_is_named(capsys, monkeypatch, variable, value, wanted):
    monkeypatch.setenv(variable, value)
    error, _ = told(capsys, "info")
    assert error == f"error: {variable} must be {wanted}, got {value!r}"


def test_a_pipeline_says_the_same():
    with pytest.raises(UsageError, match=r"^sample: --size must be .* at least 1, got '0'$"):
        ProgramCommands().check("sample", ["m.parquet", "--size", "0"])
