"""Charts as inline SVG; their colours follow the page's light and dark theme."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from toolwoz.evaluation.statistics.intervals import Estimate

WIDTH, LABELS, VALUES = 560, 140, 64
FOREST = 760
LETTER = 8
"""Minimum width of a label's letter in pixels."""
_PLOT = WIDTH - LABELS - VALUES
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BAR, _GAP = 16, 14


class Series(NamedTuple):
    """One arm's estimates by category; a category it lacks is left out."""

    name: str
    values: Mapping[str, Estimate]


def track(estimate: Estimate) -> str:
    """One estimate for a table cell: a dot on a scale from 0 to 1, its interval as a line."""
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
    """Horizontal bars of shares with their intervals; categories in order, one bar per arm."""
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
    """One bar per arm, divided by kind; widths are relative to the longest bar."""
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
    """Probabilities by number of trials, one line per arm."""
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


def forest(rows: Mapping[str, Estimate], title: str) -> str:
    """Differences in points as dots with their intervals, around a line at zero.

    A row without an interval has its dot alone; one without a value is left out.
    """
    shown = {name: one for name, one in rows.items() if not math.isnan(one.value)}
    reach = max((abs(x) for one in shown.values() for x in _span(one)), default=0.0)
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.25) if reach <= 4 * s), 0.5)
    ticks = [n * step for n in range(-4, 5) if abs(n * step) <= math.ceil(reach / step) * step]
    longest = max((LETTER * len(name) + 12 for name in shown), default=0)
    names = min(max(LABELS, longest), FOREST // 2)
    half = (FOREST - names - LABELS) / 2
    center = names + half

    def across(points: float) -> float:
        return center + half * points / max(ticks[-1], step)

    height = len(shown) * 34 + 8
    parts = []
    for tick in ticks:
        kind = "grid" if tick else "zero"
        parts.append(f'<path class="{kind}" d="M{across(tick):.1f} 0V{height}"/>')
        label = f"{100 * tick:+.0f}" if tick else "0"
        parts.append(_text(across(tick), height + 14, label, "tick", anchor="middle"))
    for row, (name, one) in enumerate(shown.items()):
        middle = row * 34 + 21
        sure = "better" if one.low > 0 else "worse" if one.high < 0 else "open"
        low, high = _span(one)
        hint = escape(f"{name}: {one} over {one.scenarios}")
        parts.append(_text(names - 12, middle, name, "label", anchor="end"))
        parts.append(
            f'<g class="{sure}"><title>{hint}</title>'
            f'<path class="range" d="M{across(low):.1f} {middle}H{across(high):.1f}"/>'
            f'<circle class="dot" cx="{across(one.value):.1f}" cy="{middle}" r="5"/></g>'
        )
        parts.append(_text(FOREST - LABELS + 12, middle, f"{100 * one.value:+.1f} pts", "value"))
    return _svg(height + 24, title, parts, FOREST)


def rounds(series: Mapping[str, Estimate], title: str) -> str:
    """The shares of consecutive runs, with intervals and a connecting line."""
    height, top, bottom = 230, 12, 190
    across = {
        name: LABELS / 2 + (WIDTH - LABELS) * (n + 0.5) / len(series)
        for n, name in enumerate(series)
    }

    def down(share: float) -> float:
        return bottom - (bottom - top) * share

    parts = []
    for tick in _TICKS:
        parts.append(f'<path class="grid" d="M52 {down(tick):.1f}H{WIDTH - 8}"/>')
        parts.append(_text(44, down(tick), f"{tick:.0%}", "tick", anchor="end"))
    known = {name: one for name, one in series.items() if not math.isnan(one.value)}
    points = " ".join(f"{across[name]:.1f},{down(one.value):.1f}" for name, one in known.items())
    parts.append(f'<polyline class="line" points="{points}"/>')
    for arm, (name, x) in enumerate(across.items()):
        parts.append(_text(x, height - 20, name, "label", anchor="middle"))
        if name in known:
            one = known[name]
            low, high = _span(one)
            parts.append(f'<path class="whisker" d="M{x:.1f} {down(low):.1f}V{down(high):.1f}"/>')
            parts.append(
                f'<circle class="arm{arm}" cx="{x:.1f}" cy="{down(one.value):.1f}" r="6">'
                f"<title>{escape(f'{name}: {one}')}</title></circle>"
            )
            parts.append(_text(x + 10, down(one.value) + 15, f"{one.value:.1%}", "value"))
    return _svg(height, title, parts)


def _span(one: Estimate) -> tuple[float, float]:
    return (one.value, one.value) if math.isnan(one.low) else (one.low, one.high)


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


def _svg(height: float, title: str, parts: Sequence[str], width: int = WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
