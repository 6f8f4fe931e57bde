"""Help texts name columns of the manifest that exist, and all that a command fills."""

import re

import pytest
from typer.testing import CliRunner

from curate.cli.app import COMMANDS, app
from curate.manifest.contract import COLUMNS, filled_by

NAMES = [command.__name__ for command in COMMANDS if command.__name__ != "train"]
"""Commands that work on manifests; training knows none."""

KNOWN = {column.name for column in COLUMNS}


def help_of(name):
    """Return the help text of a command as one line."""
    return " ".join(CliRunner().invoke(app, [name, "--help"]).output.split())


def columns_named(text):
    """Return words that can only be columns: in double quotes, compared, or with an underscore."""
    patterns = (r'"(\w+)"', r"\b(\w+) (?:=|<|>|is null)(?= )", r"\b([a-z]+_\w+)")
    return {name for pattern in patterns for name in re.findall(pattern, text)}


@pytest.mark.parametrize("name", NAMES)
def test_columns_that_a_help_text_names_are_those_of_the_contract(name):
    assert columns_named(help_of(name)) <= KNOWN


@pytest.mark.parametrize("name", NAMES)
def test_defaults_of_options_that_name_columns_are_columns(name):
    text = help_of(name)
    defaults = re.findall(r"--(?:by|on|stratify) <str> [^\[]*\[default: (\w+)\]", text)
    assert set(defaults) <= KNOWN


@pytest.mark.parametrize("name", ["cluster", "dedup", "sample", "split"])
def test_a_command_names_the_columns_that_it_fills(name):
    (line,) = re.findall(r"Fills: ([^.]*)\.", help_of(name))
    assert line.split(", ") == [column.name for column in filled_by(name)]


def test_words_that_are_columns_are_found_in_a_text():
    text = 'The columns "selected" are, such as "issues = []" or keep is null or label_suspect.'
    assert columns_named(text) == {"selected", "issues", "keep", "label_suspect"}
