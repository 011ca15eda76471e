"""Labels: their classes and scales, learned and checked before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from panscape.data.labels import class_name
from panscape.errors import Problem, UserError, fail
from panscape.log import logger
from panscape.unicoord.label_checks import check_nested, check_order, class_text, label_problems
from panscape.unicoord.settings import Hierarchy, Label
from panscape.unicoord.transform import FROM_ZERO, backward, forward, ranks


@dataclass(frozen=True)
class LabelInfo:
    """A label as learned from the training cells.

    Parameters
    ----------
    name, kind
        See :class:`Label`.
    classes
        Of a discrete label, most frequent first; of an ordinal one in order; empty for a continuous one.
    positions
        Value of each ordinal class.
    mean, sd
        Of the training values after `transform`: the coordinate is (transformed value - mean) / sd.
    low, high
        Range of the training values, in the label's unit.
    transform
        See :class:`Label`.
    knots, shares
        Values and their ranks among the training values, 0 to 1, of the transform ``"rank"``.

    Examples
    --------
    >>> LabelInfo("day", "continuous", transform="log1p").forward(np.array([0.0, 3.0])).round(3)
    array([0.   , 1.386])
    """

    name: str
    kind: str
    classes: tuple[str, ...] = ()
    positions: tuple[float, ...] = ()
    mean: float = 0.0
    sd: float = 1.0
    low: float = 0.0
    high: float = 0.0
    transform: str = "none"
    knots: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Transform values from the label's unit; missing values are NaN.

        Raises
        ------
        UserError
            For negative values, if the transform is undefined for them.
        """
        if self.transform in FROM_ZERO and (values < 0).any():
            problem = f"{np.nanmin(values):g} is below 0, which {self.transform} is not defined for"
            raise fail(f"label {self.name}", problem, "give values of at least 0")
        return forward(self.transform, values, self.knots, self.shares)

    def backward(self, places: np.ndarray) -> np.ndarray:
        """Transform values back to the label's unit."""
        return backward(self.transform, places, self.knots, self.shares)

    @property
    def discrete(self) -> bool:
        """Whether the label has unordered classes."""
        return self.kind == "discrete"

    @property
    def width(self) -> int:
        """Number of columns of the label's code."""
        return len(self.classes) if self.discrete else 1


@dataclass(frozen=True)
class Layout:
    """Columns of the labels in the code: continuous and ordinal ones first, then classes of discrete ones.

    Parameters
    ----------
    labels
        Labels in the order of the code.
    tables
        Per derived label (parent of a hierarchy): name of the child label, and for each child class the
        number of its parent class.

    Examples
    --------
    >>> layout = Layout((LabelInfo("age", "continuous"), LabelInfo("type", "discrete", ("a", "b"))))
    >>> layout.width, layout.part("type")
    (3, slice(1, 3, None))
    """

    labels: tuple[LabelInfo, ...]
    tables: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)

    @property
    def values(self) -> tuple[LabelInfo, ...]:
        """Continuous and ordinal labels."""
        return tuple(label for label in self.labels if not label.discrete)

    @property
    def discrete(self) -> tuple[LabelInfo, ...]:
        """Discrete labels."""
        return tuple(label for label in self.labels if label.discrete)

    @property
    def width(self) -> int:
        """Number of columns of the labels' code."""
        return sum(label.width for label in self.labels)

    def __getitem__(self, name: str) -> LabelInfo:
        for label in self.labels:
            if label.name == name:
                return label
        raise KeyError(f"no label {name!r} among {', '.join(label.name for label in self.labels)}")

    def part(self, name: str) -> slice:
        """Return the columns of a label."""
        start = 0
        for label in self.labels:
            if label.name == name:
                return slice(start, start + label.width)
            start += label.width
        raise KeyError(name)


def learn_labels(
    obs: pd.DataFrame,
    labels: Sequence[Label],
    hierarchy: Sequence[Hierarchy] = (),
    *,
    standardise: bool = True,
) -> Layout:
    """Learn classes and scales from the training cells.

    Parameters
    ----------
    obs
        Annotation of the training cells; missing values are allowed.
    labels
        Names and kinds of the labels.
    hierarchy
        Parents that are sums of their children's classes.
    standardise
        Scale continuous labels to standard deviation 1.

    Raises
    ------
    UserError
        For unusable columns; the message lists all problems.

    Examples
    --------
    >>> obs = pd.DataFrame({"type": ["a", "b", "a", "b"], "age": [1.0, 2.0, 3.0, 4.0]})
    >>> layout = learn_labels(obs, [Label("type", "discrete"), Label("age", "continuous")])
    >>> layout["type"].classes, layout["age"].mean
    (('a', 'b'), 2.5)
    """
    problems = [problem for label in labels for problem in label_problems(obs, label)]
    names = [label.name for label in labels]
    problems += [
        Problem("unicoord.labels", f"{name!r} is given twice", "keep one")
        for name in {name for name in names if names.count(name) > 1}
    ]
    if problems:
        raise UserError(problems)
    learned = [_learn(obs[label.name], label, standardise) for label in labels]
    ordered = tuple(sorted(learned, key=lambda label: label.discrete))
    check_order({item.child: item.parent for item in hierarchy})
    layout = Layout(ordered)
    return Layout(ordered, {item.parent: _table(obs, layout, item) for item in hierarchy})


def _learn(column: pd.Series, label: Label, standardise: bool) -> LabelInfo:
    if label.kind == "discrete":
        counts = class_text(column).value_counts()
        counts = counts[counts >= label.min_cells]
        rare = column.nunique() - len(counts)
        if rare:
            logger.warning(
                "label %s: %s classes with fewer than %s training cells count as unlabelled",
                label.name, rare, label.min_cells,
            )  # fmt: skip
        # break ties by name, so that the order does not depend on the version of pandas
        names = sorted(counts.index, key=lambda name: (-counts[name], name))
        return LabelInfo(label.name, "discrete", tuple(names))
    classes: tuple[str, ...] = ()
    positions: tuple[float, ...] = ()
    if label.kind == "ordinal":
        classes, positions = _ordinal(column, label)
    values = numbers(column, classes, positions)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    bent = ranks(values) if label.transform == "rank" else ((), ())
    learned = LabelInfo(
        label.name, label.kind, classes, positions, 0.0, 1.0, low, high, label.transform, *bent
    )
    if not standardise:
        return learned
    values = learned.forward(values)
    return replace(learned, mean=float(np.nanmean(values)), sd=float(np.nanstd(values)))


def _ordinal(column: pd.Series, label: Label) -> tuple[tuple[str, ...], tuple[float, ...]]:
    if label.order:
        return label.order, tuple(float(at) for at in range(len(label.order)))
    numbers = np.sort(pd.to_numeric(pd.Series(column.astype(object))).dropna().unique())
    return tuple(f"{number:g}" for number in numbers), tuple(map(float, numbers))


def numbers(column: pd.Series, classes: tuple[str, ...], positions: tuple[float, ...]) -> np.ndarray:
    """Return a column as numbers (positions of ordinal classes); NaN where missing.

    Parameters
    ----------
    column
        (n,) values of a label.
    classes, positions
        Ordinal classes and their numbers; empty for a continuous label.
    """
    if classes and set(class_text(column)) <= set(classes):
        place = dict(zip(classes, positions, strict=True))
        named = column.map(lambda value: np.nan if pd.isna(value) else place[class_name(value)])
        return named.to_numpy(dtype=np.float64)
    return pd.to_numeric(pd.Series(column.astype(object)), errors="coerce").to_numpy(dtype=np.float64)


def _table(obs: pd.DataFrame, layout: Layout, item: Hierarchy) -> tuple[str, tuple[int, ...]]:
    where = f"unicoord.labels: {item.child}.parent"
    known = {label.name for label in layout.discrete}
    if item.child == item.parent:
        raise fail(where, "a label is its own parent", "name another discrete label, or none")
    for name in (item.child, item.parent):
        if name not in known:
            raise fail(
                where, f"{name!r} is not a discrete label", "list it in unicoord.labels with kind: discrete"
            )
    child, parent = layout[item.child], layout[item.parent]
    pairs = dict(item.table)
    if not pairs:
        seen = check_nested(obs, item)
        pairs = dict(zip(seen.index, seen.columns[seen.to_numpy().argmax(axis=1)], strict=True))
    lost = [name for name in child.classes if pairs.get(name) not in parent.classes]
    if lost:
        problem = f"class {lost[0]!r} of {item.child} has no parent"
        raise fail(where, problem, f"give its parent, one of {', '.join(parent.classes)}")
    return item.child, tuple(parent.classes.index(pairs[name]) for name in child.classes)
