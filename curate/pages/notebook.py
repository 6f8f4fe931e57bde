"""How results show themselves in notebooks: a small table, and images with a line each."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from typing import Any

_MOST_LETTERS = 200
_MOST_RECORDS = 20
_CELL = "padding:2px 14px 2px 0;text-align:left;vertical-align:top"


class ShownInNotebooks:
    """Base of results: a dataclass whose fields are shown as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return the fields as a table; every value is escaped."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]
        rows = "".join(
            f'<tr><th style="{_CELL};font-weight:500">{escape(name.replace("_", " "))}</th>'
            f'<td style="{_CELL}">{_show_value(value)}</td></tr>'
            for name, value in values.items()
            if not is_dataclass(value)
        )
        name = escape(type(self).__name__)
        return f"<table><caption><b>{name}</b></caption>{rows}</table>{self._show_images()}"

    def _show_images(self) -> str:
        """Return what is shown below the table; a result that has images to show does."""
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownImages:
    """Images with a line each.

    Attributes:
        sources: ``data:`` addresses, None for an image whose pixels are not cached.
        lines: Below each, such as its path.
    """

    sources: Sequence[str | None]
    lines: Sequence[str]

    def _repr_html_(self) -> str:
        """Return the images in rows."""
        return "".join(
            [
                '<div style="display:flex;flex-wrap:wrap;gap:10px">',
                *map(_show_image, self.sources, self.lines),
                "</div>",
            ]
        )


def _show_image(source: str | None, line: str) -> str:
    text = escape(line)
    picture = (
        f'<img src="{source}" alt="{text}" style="max-width:128px;max-height:128px">'
        if source
        else "not in the pixel cache"
    )
    return (
        '<figure style="width:136px;margin:0;font-size:11px;line-height:1.3;'
        f'overflow-wrap:anywhere">{picture}<figcaption>{text}</figcaption></figure>'
    )


def _show_value(value: Any) -> str:  # noqa: ANN401 - whatever a result holds
    """Return a value as HTML; a list of records as a line for each."""
    if isinstance(value, list) and value and is_dataclass(value[0]):
        return "<br>".join(
            escape(
                ", ".join(
                    f"{one.name} {_format(getattr(record, one.name))}" for one in fields(record)
                )
            )
            for record in value[:_MOST_RECORDS]
        )
    return escape(_format(value))


def _format(value: Any) -> str:  # noqa: ANN401 - whatever a result holds
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = "–" if value is None else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
