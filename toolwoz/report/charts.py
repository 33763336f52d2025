"""Charts as inline SVG: their colours are the page's, so they follow its light and dark theme."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from toolwoz.intervals import Estimate

WIDTH, LABELS, VALUES = 560, 140, 64
_PLOT = WIDTH - LABELS - VALUES
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BAR, _GAP = 16, 14


class Series(NamedTuple):
    """One arm's estimates by category; a category it lacks is left out."""

    name: str
    values: Mapping[str, Estimate]


def track(estimate: Estimate) -> str:
    """One estimate as a dot on a short scale from 0 to 1, its interval as a line; for tables."""
    if math.isnan(estimate.value):
        return ""
    low, high = (
        _across(estimate.value if math.isnan(bound) else bound)
        for bound in (estimate.low, estimate.high)
    )
    return (
        '<svg class="track" viewBox="0 0 100 10" aria-hidden="true">'
        f'<path class="grid" d="M4 5H96"/><path class="whisker" d="M{low:.1f} 5H{high:.1f}"/>'
        f'<circle class="dot" cx="{_across(estimate.value):.1f}" cy="5" r="3"/></svg>'
    )


def _across(share: float) -> float:
    return 4 + 92 * share


def bars(series: Sequence[Series], title: str) -> str:
    """Horizontal bars of shares with their intervals; categories in order, one bar an arm."""
    categories = list(dict.fromkeys(key for one in series for key in one.values))
    block = len(series) * _BAR + _GAP
    height = len(categories) * block + 24
    parts = [*_grid(height - 24)]
    for row, category in enumerate(categories):
        top = row * block + _GAP / 2
        middle = top + len(series) * _BAR / 2
        parts.append(_text(LABELS - 12, middle, category, "label", anchor="end"))
        for arm, one in enumerate(series):
            if category in one.values:
                parts += _bar(top + arm * _BAR, arm, one.name, one.values[category])
    return _svg(height, title, parts)


def stack(rows: Mapping[str, Mapping[str, int]], title: str) -> str:
    """One bar an arm, cut into kinds; widths are shares of the longest bar."""
    longest = max((sum(kinds.values()) for kinds in rows.values()), default=0)
    parts: list[str] = []
    for row, (name, kinds) in enumerate(rows.items()):
        top = row * 40.0
        parts.append(_text(LABELS - 12, top + 14, name, "label", anchor="end"))
        left = float(LABELS)
        for index, (kind, count) in enumerate(kinds.items()):
            width = _PLOT * count / longest if longest else 0.0
            parts.append(_segment(left, top, width, index, f"{name}: {kind} {count}", count))
            left += width
        parts.append(_text(left + 8, top + 14, str(sum(kinds.values())), "value"))
    return _svg(len(rows) * 40, title, parts)


def curves(series: Mapping[str, Mapping[int, float]], title: str) -> str:
    """A chance by number of trials, one line an arm."""
    height, top, bottom = 220, 12, 190
    most = max((k for line in series.values() for k in line), default=1)

    def across(k: int) -> float:
        return LABELS + _PLOT * (k - 1) / max(most - 1, 1)

    def down(chance: float) -> float:
        return bottom - (bottom - top) * chance

    parts = []
    for tick in _TICKS:
        parts.append(f'<path class="grid" d="M{LABELS} {down(tick):.1f}h{_PLOT}"/>')
        parts.append(_text(LABELS - 12, down(tick), f"{tick:.0%}", "tick", anchor="end"))
    for k in range(1, most + 1):
        parts.append(_text(across(k), height - 12, f"k = {k}", "tick", anchor="middle"))
    for arm, (name, line) in enumerate(series.items()):
        points = " ".join(f"{across(k):.1f},{down(chance):.1f}" for k, chance in line.items())
        parts.append(f'<polyline class="line arm{arm}" points="{points}"/>')
        for k, chance in line.items():
            hint = escape(f"{name}, k = {k}: {chance:.1%}")
            parts.append(
                f'<circle class="arm{arm}" cx="{across(k):.1f}" cy="{down(chance):.1f}" r="4">'
                f"<title>{hint}</title></circle>"
            )
    return _svg(height, title, parts)


def _bar(top: float, arm: int, name: str, estimate: Estimate) -> Iterator[str]:
    width = _PLOT * estimate.value
    middle = top + _BAR / 2
    hint = escape(f"{name}: {estimate} over {estimate.scenarios} scenarios")
    yield (
        f'<rect class="bar arm{arm}" x="{LABELS}" y="{top + 2:.1f}" width="{width:.1f}" '
        f'height="{_BAR - 4}" rx="2"><title>{hint}</title></rect>'
    )
    if not math.isnan(estimate.low):
        low, high = (LABELS + _PLOT * bound for bound in (estimate.low, estimate.high))
        yield f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>'
    yield _text(LABELS + _PLOT + 12, middle, f"{estimate.value:.1%}", "value")


def _segment(left: float, top: float, width: float, kind: int, hint: str, count: int) -> str:
    label = _text(left + width / 2, top + 14, str(count), "inside", anchor="middle")
    return (
        f'<rect class="kind{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="26">'
        f"<title>{escape(hint)}</title></rect>" + (label if width > 22 else "")
    )


def _grid(height: float) -> Iterator[str]:
    for tick in _TICKS:
        x = LABELS + _PLOT * tick
        yield f'<path class="grid" d="M{x:.1f} 0V{height:.1f}"/>'
        yield _text(x, height + 14, f"{tick:.0%}", "tick", anchor="middle")


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" dy=".35em">'
        f"{escape(text)}</text>"
    )


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
