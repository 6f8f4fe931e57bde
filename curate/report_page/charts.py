"""Charts as SVG: plain, with axes that say what they show; colours come from the page's style."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 560, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 12, 14, 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of a chart.

    Attributes:
        name: For the legend.
        xs: Rising.
        ys: As many.
        is_stepped: Whether the value holds until the next.
        has_dots: Whether its points are marked, and not joined.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    is_stepped: bool = False
    has_dots: bool = False


def draw_lines(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    y_range: tuple[float, float] | None = None,
    x_range: tuple[float, float] | None = None,
) -> Markup:
    """Return a chart of lines.

    Args:
        lines: At least one, each with a point.
        title: What a screen reader says of it.
        x_label: Quantity and unit.
        y_label: Quantity and unit.
        y_range: None takes that of the lines, from 0.
        x_range: None takes that of the lines.
    """
    xs = [x for line in lines for x in line.xs]
    ys = [y for line in lines for y in line.ys]
    x_low, x_high = x_range or (min(xs), max(xs))
    if x_low == x_high:
        x_low, x_high = x_low - 0.5, x_high + 0.5
    y_low, y_high = y_range or (0.0, max(*ys, 1e-9))
    plot_width, plot_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        share_x = (x - x_low) / (x_high - x_low)
        share_y = (min(max(y, y_low), y_high) - y_low) / (y_high - y_low)
        return _LEFT + share_x * plot_width, _TOP + (1 - share_y) * plot_height

    is_counted = all(x == round(x) for x in xs) and (x_low, x_high) != (0, 1)
    x_ticks = nice_ticks(x_low, x_high, 6, is_whole=is_counted)
    y_ticks = nice_ticks(y_low, y_high, 4)
    parts = [_draw_axes(place, x_ticks, y_ticks, x_label, y_label)]
    for number, line in enumerate(lines, start=1):
        points = [place(x, y) for x, y in zip(line.xs, line.ys, strict=True)]
        if line.has_dots or len(points) == 1:
            parts += [
                f'<circle class="dot s{number}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
                for x, y in points
            ]
        else:
            parts.append(
                f'<path class="line s{number}" d="{_path(points, is_stepped=line.is_stepped)}"/>'
            )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    ) + draw_legend([line.name for line in lines])


def draw_legend(names: Sequence[str]) -> Markup:
    """Return the legend of lines or bars, empty for one."""
    if len(names) < 2:
        return Markup("")
    items = "".join(
        f'<li><span class="swatch s{number}"></span>{escape(name)}</li>'
        for number, name in enumerate(names, start=1)
    )
    return Markup(f'<ul class="legend">{items}</ul>')


def _path(points: Sequence[tuple[float, float]], *, is_stepped: bool) -> str:
    steps = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for x, y in points[1:]:
        steps.append(f"H{x:.1f}V{y:.1f}" if is_stepped else f"L{x:.1f} {y:.1f}")
    return "".join(steps)


def _draw_axes(
    place: Callable[[float, float], tuple[float, float]],
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    x_label: str,
    y_label: str,
) -> str:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for y in y_ticks:
        top = place(0, y)[1]
        parts.append(
            f'<path class="grid" d="M{_LEFT} {top:.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text class="tick" x="{_LEFT - 6}" y="{top + 4:.1f}" text-anchor="end">'
            f"{format_tick(y)}</text>"
        )
    for x in x_ticks:
        left = place(x, 0)[0]
        parts.append(
            f'<text class="tick" x="{left:.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{format_tick(x)}</text>"
        )
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    turned = f"translate(12 {_TOP + (bottom - _TOP) / 2}) rotate(-90)"
    parts.append(
        f'<text class="axis" x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x_label)}'
        f'</text><text class="axis" text-anchor="middle" transform="{turned}">{escape(y_label)}'
        "</text>"
    )
    return "".join(parts)


def nice_ticks(low: float, high: float, n: int, *, is_whole: bool = False) -> list[float]:
    """Return about n round values from ``low`` to ``high``, rising; whole ones if asked."""
    span = max(high - low, 1e-12)
    raw = span / max(n, 1)
    power = 10 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= raw * 0.999)
    if is_whole:
        step = max(1, math.ceil(step))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def format_tick(value: float) -> str:
    """Return a tick's value, short."""
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
