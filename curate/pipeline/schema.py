"""A JSON schema of pipeline files, by which editors complete and check them."""

from typing import Any

from curate.pipeline.commands import Commands, Kind, Option
from curate.pipeline.parse import SHARED
from curate.pipeline.stage_files import find_stage_files

_LIST = {"type": "array", "items": {"type": ["string", "number"]}}


def make_schema(commands: Commands) -> dict[str, Any]:
    """Return the schema of the pipelines that these commands can run."""
    sections = {}
    for name in commands.names():
        options = commands.options(name)
        if find_stage_files(name, options) is None:
            continue
        section = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                option.name: _describe(option)
                for option in options.values()
                if option.name not in ("json", "quiet", "help")
            },
        }
        sections[name] = {"anyOf": [section, {"type": "array", "items": section}]}
    shared = {key: {"description": f"The {text}, for all stages."} for key, text in SHARED.items()}
    types = {"images": ["string", "array"], "workspace": "string", "seed": "integer"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of curate",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"type": types[key], **text} for key, text in shared.items()}
        | sections,
    }


def _describe(option: Option) -> dict[str, Any]:
    described: dict[str, Any] = {"description": option.help}
    if option.choices:
        described["enum"] = list(option.choices)
    elif option.kind is Kind.TEXT:
        described["anyOf"] = [{"type": ["string", "number"]}, _LIST, {"type": "object"}]
    else:
        described["type"] = option.kind.value
    if option.default is not None:
        described["default"] = option.default
    return described
