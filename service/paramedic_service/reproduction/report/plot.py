"""One panel: a signal of one arm over the steps, a thin line a seed and their median thick."""

import numpy as np
import numpy.typing as npt

from paramedic_service.reproduction.report.axes import Axis, label
from paramedic_service.reproduction.report.curves import Bundle, lost_at
from paramedic_service.reproduction.report.markup import Markup, join, tag

_WIDTH, _HEIGHT = 340.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 16.0, 30.0


def panel(
    bundle: Bundle, steps: Axis, values: Axis, *, key: str, title: str, signal: str, found: int | None, style: str
) -> Markup:
    """Draws a panel as an SVG image that says in words what it shows.

    Args:
        bundle: What to draw.
        steps: Axis of the steps, shared by all panels.
        values: Axis of the values, shared by all panels of the signal.
        key: Unique on the page, for references.
        title: Of the arm.
        signal: In words.
        found: Step at which the fault was first found; None when it was not.
        style: Class of the lines.
    """
    return tag(
        "svg",
        tag("title", f"{signal}, {title}", id=f"{key}-title"),
        tag("desc", _in_words(bundle, signal, found), id=f"{key}-desc"),
        _grid(steps, values),
        *(_line(steps, values, *seed, style=f"seed {style}") for seed in bundle.seeds),
        _line(steps, values, bundle.steps, bundle.median, style=f"median {style}"),
        *(_lost(steps, *seed) for seed in bundle.seeds),
        None if found is None else _mark(steps, found),
        None if bundle.seeds else _text(_WIDTH / 2, _HEIGHT / 2, "nothing was measured", "middle"),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def _in_words(bundle: Bundle, signal: str, found: int | None) -> str:
    finite = np.isfinite(bundle.median)
    if not finite.any():
        told = f"The {signal} was not measured." if not bundle.seeds else f"The {signal} is not finite."
    else:
        first, last = bundle.median[finite][0], bundle.median[finite][-1]
        told = f"Median {signal} over {len(bundle.seeds)} seeds from {label(first)} to {label(last)}"
        told += "." if finite.all() else f", not finite from step {bundle.steps[~finite][0]:g}."
    return told if found is None else f"{told} The fault was first found at step {found}."


def _grid(steps: Axis, values: Axis) -> Markup:
    parts: list[Markup] = []
    for tick in values.ticks:
        height = float(_y(values, np.array([tick]))[0])
        parts.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=height, y2=height, class_="grid"))
        parts.append(_text(_LEFT - 5, height + 4, label(tick), "end"))
    for tick in steps.ticks:
        across = float(_x(steps, np.array([tick]))[0])
        parts.append(_text(across, _HEIGHT - _BOTTOM + 15, label(tick), "middle"))
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 3, "step", "end"))
    bottom = _HEIGHT - _BOTTOM
    parts.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=bottom, y2=bottom, class_="axis"))
    return tag("g", join(parts), aria_hidden="true")


def _line(
    steps: Axis, values: Axis, at: npt.NDArray[np.float64], of: npt.NDArray[np.float64], *, style: str
) -> Markup | None:
    """A line that breaks off where values are not finite."""
    drawn = np.isfinite(of) & ((of > 0) if values.logarithmic else True)
    if not drawn.any():
        return None
    across, height = _x(steps, at[drawn]), _y(values, of[drawn])
    breaks = {0, *(np.flatnonzero(np.diff(np.flatnonzero(drawn)) > 1) + 1).tolist()}
    path = "".join(
        f"{'M' if place in breaks else 'L'}{x:.1f} {y:.1f}"
        for place, (x, y) in enumerate(zip(across.tolist(), height.tolist(), strict=True))
    )
    return tag("path", d=path, class_=style)


def _lost(steps: Axis, at: npt.NDArray[np.float64], of: npt.NDArray[np.float64]) -> Markup | None:
    """A cross at the top where a seed's values stop being finite."""
    lost = lost_at(at, of)
    if lost is None:
        return None
    x, y = float(_x(steps, np.array([lost]))[0]), _TOP
    return tag("path", d=f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8", class_="lost")


def _mark(steps: Axis, found: int) -> Markup:
    x = float(_x(steps, np.array([float(found)]))[0])
    anchor = "end" if x > _WIDTH / 2 else "start"
    return tag(
        "g",
        tag("line", x1=x, x2=x, y1=_TOP - 4, y2=_HEIGHT - _BOTTOM, class_="found"),
        _text(x + (-4 if anchor == "end" else 4), _TOP - 5, f"found at step {found}", anchor),
        aria_hidden="true",
    )


def _text(x: float, y: float, words: str, anchor: str) -> Markup:
    return tag("text", words, x=x, y=y, text_anchor=anchor)


def _x(axis: Axis, steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return _LEFT + axis.place(steps) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return _HEIGHT - _BOTTOM - axis.place(values) * (_HEIGHT - _TOP - _BOTTOM)
