"""Pages of the site that are made of other files: README, changelog, commands and Python names."""

import re
from inspect import cleandoc, getdoc
from pathlib import Path

import mkdocs_gen_files

import curate
from curate.cli.app import COMMANDS
from curate.cli.stage_commands import ProgramCommands
from curate.manifest.contract import fills_line
from curate.pipeline.commands import Option

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
OUTSIDE = re.compile(
    r"\[([^\]]*)\]\((?!https?:|#)(?:\.\./)?(examples/[^)]*|LICENSE|SECURITY\.md)\)"
)
"""Links to files that are no page: only their text stays."""


def write(page: str, text: str) -> None:
    """Write a page of the site."""
    with mkdocs_gen_files.open(page, "w") as file:
        file.write(text)


def copy_pages() -> None:
    """Make pages of the files at the top, whose links lead into docs/."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text().replace("](docs/", "](")
        for other, its_page in PAGES.items():
            text = text.replace(f"]({other})", f"]({its_page})")
        write(page, OUTSIDE.sub(r"\1", text))
    looking = (ROOT / "docs" / "looking.md").read_text()
    write("looking.md", OUTSIDE.sub(r"\1", looking))


def describe_option(option: Option) -> str:
    """Return a row of the table of options."""
    name = option.name.upper() if option.is_argument else f"--{option.name}"
    choices = (
        f" One of {', '.join(f'`{one}`' for one in option.choices)}." if option.choices else ""
    )
    default = "" if option.default in (None, False) else f"`{option.default}`"
    cells = (f"`{name}`", option.kind.value, default, f"{option.help}{choices}")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def list_commands() -> str:
    """Return the page of all commands, as their help has them."""
    known = ProgramCommands()
    parts = [
        "# Commands",
        "Every command also answers `--help`. Exit codes: [here](../manifest.md#exit-codes).",
    ]
    for command in COMMANDS:
        text, _, example = cleandoc(getdoc(command) or "").partition("Example:")
        parts += [f"## curate {command.__name__}", text.strip()]
        parts += [fills_line(command.__name__) or ""]
        parts += [f"```console\n$ {' '.join(example.split())}\n```"] if example else []
        rows = [describe_option(one) for one in known.options(command.__name__).values()]
        parts.append(
            "\n".join(["| option | value | default | does |", "| --- | --- | --- | --- |", *rows])
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def list_names() -> str:
    """Return the page of all that ``import curate`` gives."""
    parts = [
        "# Python",
        "All of these are names of `curate`: `curate.dedup`, `curate.DedupConfig`, …",
    ]
    kinds = {
        "Verbs": [n for n in curate.__all__ if n.islower() and callable(getattr(curate, n))],
        "Settings": [n for n in curate.__all__ if n.endswith("Config")],
        "Results": [n for n in curate.__all__ if n.endswith("Result")],
    }
    named = {name for names in kinds.values() for name in names}
    others = [n for n in curate.__all__ if n not in named and n[0].isupper()]
    for title, names in (kinds | {"Choices, errors and more": others}).items():
        parts.append(f"## {title}")
        for name in names:
            thing = getattr(curate, name)
            parts.append(f"::: {thing.__module__}.{thing.__qualname__}")
    return "\n\n".join(parts) + "\n"


copy_pages()
write("reference/commands.md", list_commands())
write("reference/python.md", list_names())
