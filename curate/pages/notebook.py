"""How results show themselves in notebooks: a small table, and images with a line each."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from typing import Any

_MOST_LETTERS = 200
_MOST_RECORDS = 20
_WHOLE = 97.0  # per cent of a side: less is a part
_PICTURE = (
    "max-width:128px;max-height:128px;margin:0;outline:1px solid rgba(128,128,128,.3);"
    "outline-offset:-1px"  # a white image has an edge, too
)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPair:
    """Two images side by side, with what ties them.

    Attributes:
        sources: ``data:`` addresses of the two, None for one whose pixels are not cached.
        names: Their paths.
        line: What ties them.
        box: The part of the second that the first covers: left, top, right, bottom, as shares.
    """

    sources: Sequence[str | None]
    names: Sequence[str]
    line: str
    box: Sequence[float]

    def draw(self) -> str:
        """Return the pair as HTML; a box is drawn where it is not the whole of the second."""
        left, top, right, bottom = (100 * min(max(edge, 0.0), 1.0) for edge in self.box)
        is_part = min(right - left, bottom - top) < _WHOLE
        frame = (
            f'<span style="position:absolute;left:{left:.1f}%;top:{top:.1f}%;'
            f"width:{right - left:.1f}%;height:{bottom - top:.1f}%;box-sizing:border-box;"
            'border:2px solid #e0457b"></span>'
        )
        sides = "".join(
            f'<div style="width:136px"><span style="position:relative;display:inline-block;'
            f'line-height:0">{_show_picture(source, escape(name))}{extra}</span>'
            f'<div style="margin-top:3px">{escape(name)}</div></div>'
            for source, name, extra in zip(
                self.sources, self.names, ("", frame if is_part else ""), strict=True
            )
        )
        return (
            '<figure style="margin:0;font-size:11px;line-height:1.3;overflow-wrap:anywhere">'
            f"<figcaption><b>{escape(self.line)}</b></figcaption>"
            f'<div style="display:flex;gap:8px;margin-top:3px">{sides}</div></figure>'
        )


def draw_pairs(pairs: Sequence[ShownPair], *, title: str) -> str:
    """Return pairs as HTML, in rows below a title."""
    return (
        f"<div><b>{escape(title)}</b>"
        '<div style="display:flex;flex-wrap:wrap;gap:14px 24px;margin-top:6px">'
        f"{''.join(pair.draw() for pair in pairs)}</div></div>"
    )


def _show_image(source: str | None, line: str) -> str:
    text = escape(line)
    return (
        '<figure style="width:136px;margin:0;font-size:11px;line-height:1.3;'
        f'overflow-wrap:anywhere">{_show_picture(source, text)}'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _show_picture(source: str | None, text: str) -> str:
    if source is None:
        return "not in the pixel cache"
    return f'<img src="{source}" alt="{text}" style="{_PICTURE}">'


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
    if isinstance(value, dict):
        value = ", ".join(f"{key} {_format(one)}" for key, one in value.items()) or None
    elif isinstance(value, list | tuple):
        value = ", ".join(map(_format, value)) or None
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = "–" if value is None else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
