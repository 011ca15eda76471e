"""Changes of labels: fixed values, values per cell, shifts, and interpolation between two values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from panscape.data.labels import class_name
from panscape.errors import fail
from panscape.log import logger
from panscape.unicoord.labels import LabelInfo, Layout

_FAR = 0.25  # fraction of the training range: values further outside are logged


def reconfigured_code(layout: Layout, code: np.ndarray, changes: Mapping[str, Any]) -> np.ndarray:
    """Return the labels' code of cells with some labels changed.

    Parameters
    ----------
    layout
        The labels.
    code
        (n, labels) scaled values and class probabilities of the cells.
    changes
        Label -> a value, an array of n values, ``("shift", x)`` (numbers only), or ``("between", a, b, t)``
        with t from 0 (a) to 1 (b), a number or n numbers; mixtures of two classes for discrete labels.
        Mappings ``{"shift": x}`` and ``{"between": [a, b, t]}`` mean the same.

    Returns
    -------
    (n, labels), a copy.

    Raises
    ------
    UserError
        For a label or class that the model does not know, or arrays of the wrong length.

    Examples
    --------
    >>> layout = Layout((LabelInfo("age", "continuous", low=0, high=10),))
    >>> reconfigured_code(layout, np.array([[1.0], [2.0]]), {"age": {"shift": 3.0}}).ravel().tolist()
    [4.0, 5.0]
    """
    code = np.array(code, dtype=np.float32, copy=True)
    for name, change in changes.items():
        known = [label.name for label in layout.labels]
        if name not in known:
            raise fail(
                f"reconfigure: {name}", "the model has no such label", f"take one of {', '.join(known)}"
            )
        label, part = layout[name], layout.part(name)
        code[:, part] = _classes(label, change, len(code)) if label.discrete else _values(
            label, change, code[:, part.start]
        )[:, None]  # fmt: skip
    _follow(layout, code, changes)
    return code


def _form(change: Any) -> tuple[str, Any]:
    if isinstance(change, Mapping):
        if len(change) != 1 or next(iter(change)) not in ("shift", "between"):
            raise fail(
                "reconfigure",
                f"{dict(change)!r} is not understood",
                "write {shift: x} or {between: [a, b, t]}",
            )
        return next(iter(change.items()))
    if isinstance(change, tuple) and change and change[0] in ("shift", "between"):
        return change[0], change[1] if change[0] == "shift" else change[1:]
    return "set", change


def _each(values: Any, n: int, name: str) -> list:
    """Broadcast a value to n cells, or check the length of a list."""
    if isinstance(values, str) or np.ndim(values) == 0:
        return [values] * n
    values = list(values)
    if len(values) != n:
        raise fail(f"reconfigure: {name}", f"{len(values)} values for {n} cells", "give one, or one per cell")
    return values


def _between(given: Any, n: int, name: str) -> tuple[Any, Any, np.ndarray]:
    """Return both ends and the position between them of n cells."""
    if not isinstance(given, (list, tuple)) or len(given) != 3:
        advice = "write {between: [a, b, t]}: from a (t = 0) to b (t = 1)"
        raise fail(f"reconfigure: {name}", f"between has {given!r}, not two values and a position", advice)
    a, b, t = given
    try:
        share = np.array([float(x) for x in _each(t, n, name)])
    except (TypeError, ValueError):
        share = np.array([np.nan])
    if not np.isfinite(share).all():
        raise fail(f"reconfigure: {name}", f"the position {t!r} is not a finite number", "give t from 0 to 1")
    return a, b, share


def _values(label: LabelInfo, change: Any, now: np.ndarray) -> np.ndarray:
    """Return scaled values (n,)."""
    form, given = _form(change)
    place = dict(zip(label.classes, label.positions, strict=True))

    def number(value: Any) -> float:
        if label.classes and class_name(value) in place:
            return place[class_name(value)]
        try:
            return float(value)
        except (TypeError, ValueError):
            raise fail(f"reconfigure: {label.name}", f"{value!r} is not a number", "give a number") from None

    if form == "shift":
        far = np.array([number(x) for x in _each(given, len(now), label.name)])
        wanted = label.backward(now * label.sd + label.mean) + far
    elif form == "between":
        a, b, share = _between(given, len(now), label.name)
        wanted = number(a) + (number(b) - number(a)) * share
    else:
        wanted = np.array([number(x) for x in _each(given, len(now), label.name)])
    if not np.isfinite(wanted).all():
        odd = wanted[~np.isfinite(wanted)][0]
        raise fail(f"reconfigure: {label.name}", f"{odd} is not a finite number", "give finite numbers")
    margin = _FAR * (label.high - label.low)
    outside = (wanted < label.low - margin) | (wanted > label.high + margin)
    if outside.any():
        logger.warning(
            "reconfigure: %s of %s cells is set to values such as %.4g, far outside the training range "
            "%.4g to %.4g: the result is an extrapolation",
            label.name, int(outside.sum()), float(wanted[outside][0]), label.low, label.high,
        )  # fmt: skip
    return ((label.forward(wanted) - label.mean) / label.sd).astype(np.float32)


def _classes(label: LabelInfo, change: Any, n: int) -> np.ndarray:
    """Return class probabilities (n, classes)."""
    form, given = _form(change)
    if form == "shift":
        raise fail(
            f"reconfigure: {label.name}", "a discrete label cannot be shifted", "set a class, or between"
        )
    if form == "between":
        a, b, share = _between(given, n, label.name)
        if (share < 0).any() or (share > 1).any():
            odd = share[(share < 0) | (share > 1)][0]
            raise fail(
                f"reconfigure: {label.name}", f"a mixture of two classes at t = {odd:g}", "give t from 0 to 1"
            )
        share = share[:, None]
        return (1 - share) * _one_hot(label, [a] * n) + share * _one_hot(label, [b] * n)
    return _one_hot(label, _each(given, n, label.name))


def _one_hot(label: LabelInfo, values: Sequence[Any]) -> np.ndarray:
    place = {name: at for at, name in enumerate(label.classes)}
    names = [class_name(value) for value in values]
    unknown = sorted({name for name in names if name not in place})
    if unknown:
        advice = f"take one of {', '.join(label.classes)}"
        raise fail(f"reconfigure: {label.name}", f"the model has not seen the class {unknown[0]!r}", advice)
    code = np.zeros((len(names), len(place)), dtype=np.float32)
    code[np.arange(len(names)), [place[name] for name in names]] = 1
    return code


def _follow(layout: Layout, code: np.ndarray, changes: Mapping[str, Any]) -> None:
    """Update parents from their children, and children from a parent that was set, in place."""
    for parent, (child, parents) in layout.tables.items():
        above, below = layout.part(parent), layout.part(child)
        table = np.eye(above.stop - above.start, dtype=np.float32)[list(parents)]
        if child in changes:
            code[:, above] = code[:, below] @ table
        elif parent in changes:
            allowed = code[:, above] @ table.T
            share = code[:, below] * allowed
            lost = share.sum(axis=1) < 1e-6
            share[lost] = allowed[lost]
            code[:, below] = share / share.sum(axis=1, keepdims=True)
