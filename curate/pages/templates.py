"""Templates of pages: every value is escaped, every page says which scripts may run.

Scripts and styles are plain files beside the templates; they are put into the page as they are, so
that it needs no network and no build step.
"""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from curate.amounts import count_of, format_bytes


def read_asset(package: str, name: str) -> str:
    """Return the text of a file that lies in a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def hash_script(script: str) -> str:
    """Return what a content security policy calls an inline script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def render(package: str, name: str, values: Mapping[str, Any]) -> str:
    """Return a page.

    Args:
        package: Where its template lies; it may include others of this package.
        name: Of the template.
        values: What it is filled with; each is escaped.
    """
    environment = Environment(
        loader=FunctionLoader(lambda wanted: read_asset(package, wanted)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": format_count, "size": format_bytes, "share": format_share}
    environment.filters |= {"few": format_few, "of": count_of}
    return environment.get_template(name).render(values)


def format_count(number: float) -> str:
    """Return a whole number as ``12,345``."""
    return f"{number:,.0f}"


def format_few(number: float) -> str:
    """Return an expected number of things as ``3.2``, or that it is below 0.1."""
    return f"{number:,.1f}" if number >= 0.1 else "fewer than 0.1"


def format_share(share: float) -> str:
    """Return a share of 1 as ``12.3 %``."""
    return f"{100 * share:.1f} %" if 0 < share < 0.9995 else f"{100 * share:.0f} %"
