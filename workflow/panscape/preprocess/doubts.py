"""What was probably not intended of what was read, and notations of labels that contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from panscape.data.known_genes import CLEAR
from panscape.data.text import as_yaml
from panscape.errors import Problem
from panscape.preprocess.settings import QcSettings
from panscape.preprocess.understood import Understood

GENOME = 5000  # genes from which mitochondrial ones are to be expected
_TRUTH = (("True", "False"), ("1", "0"), ("yes", "no"), ("y", "n"), ("t", "f"))


def doubts(seen: Sequence[Understood]) -> Iterator[str]:
    """Yield warnings of what was probably not intended, with what to write instead.

    Parameters
    ----------
    seen
        All studies of a collection.
    """
    for item in seen:
        if item.known < CLEAR / 10 and item.n_genes >= 30:
            yield (
                f"{item.study}: none or few of its {item.n_genes} genes ({', '.join(item.genes)}, ...) are "
                f"known genes of {item.species}: check species, orientation, genes.column and genes.mapping"
            )
        if item.in_sheet < 0.5:
            yield (
                f"{item.study}: only {item.in_sheet:.0%} of its cells are in the metadata sheet: check that "
                "it is of this sample, and metadata.strip, prefix and suffix"
            )
    yield from _alike(seen)
    yield from _ages(seen)


def _alike(seen: Sequence[Understood]) -> Iterator[str]:
    """Yield warnings of classes that differ in capitals, punctuation or a plural only."""
    for name in sorted({name for item in seen for name in item.labels}):
        written: dict[str, dict[str, str]] = {}
        for item in seen:
            for label in item.labels.get(name, ()):
                written.setdefault(_spoken(label), {}).setdefault(label, item.study)
        for kinds in written.values():
            if len(kinds) > 1:
                told = " and ".join(f"{label!r} ({study})" for label, study in kinds.items())
                first, *others = kinds
                pairs = ", ".join(f"{other!r}: {first!r}" for other in others)
                yield f"obs.{name}: {told} are different classes; if not, write values: {{{pairs}}}"


def _spoken(label: str) -> str:
    """Return a label without capitals, punctuation and plural; CD4+ and CD4- differ."""
    return re.sub(r"(?!\+|-(?!\w))[\W_]", "", label.lower()).removesuffix("s")


def _ages(seen: Sequence[Understood]) -> Iterator[str]:
    """Yield a warning of ages of which one study's are ten times those of another: probably two units."""
    aged = [item for item in seen if item.ages[1] > 0]
    if len(aged) < 2:
        return
    young, old = min(aged, key=lambda item: item.ages[1]), max(aged, key=lambda item: item.ages[0])
    if old.ages[0] > 10 * young.ages[1]:
        yield (
            f"obs.age: {young.study} has ages up to {young.ages[1]:g}, {old.study} from {old.ages[0]:g} on: "
            "if these are two units, write that of each study, e.g. age: {column: ..., unit: hours}"
        )


def without_mito(seen: Sequence[Understood], settings: Mapping[str, QcSettings]) -> Iterator[str]:
    """Yield warnings of studies whose cells have a limit of mitochondrial counts, but no such genes.

    Parameters
    ----------
    seen
        All studies of a collection.
    settings
        Limits of quality control by study.
    """
    for item in seen:
        limits = settings[item.study]
        if limits.max_mito >= 1 or limits.mito_pattern or item.n_mito or item.n_genes < GENOME:
            continue
        if item.known >= CLEAR:
            yield (
                f"{item.study}: none of its {item.n_genes:,} genes is named as a mitochondrial one of "
                f"{item.species}, so max_mito removes nothing: write preprocess.mito_pattern, genes.column "
                "or genes.mapping if they have other names, or qc: {max_mito: 1} in the study if the file "
                "has none"
            )


def truths(seen: Sequence[Understood]) -> Iterator[Problem]:
    """Yield problems of a label that is True and False in one study, and 1 and 0, or yes and no, in another.

    Both would be classes beside each other.

    Parameters
    ----------
    seen
        All studies of a collection.
    """
    for name in sorted({name for item in seen for name in (*item.labels, *item.flags)}):
        written = {}
        for item in seen:
            classes = item.flags.get(name) or item.labels.get(name) or ()
            notation = next((pair for pair in _TRUTH if {*map(str.lower, classes)} <= _lower(pair)), None)
            if classes and notation:
                written[item.study] = (notation, classes, item.roles.get(name, name))
        first = min((notation for notation, *_ in written.values()), key=_TRUTH.index, default=None)
        for study, (notation, classes, column) in written.items():
            if first is None or notation == first:
                continue
            other = next(study for study, (known, *_) in written.items() if known == first)
            meant = dict(zip(map(str.lower, notation), first, strict=True))
            pairs = ", ".join(f'{as_yaml(label)}: "{meant[label.lower()]}"' for label in classes)
            entry = f"{{column: {as_yaml(column)}, type: text, values: {{{pairs}}}}}"
            others = ", ".join(written[other][1])
            what = f"has {', '.join(classes)} in study {study!r} and {others} in {other!r}, which would be "
            what += "different classes"
            yield Problem(f"obs.{name}", what, f"write {name}: {entry} in obs of {study!r}")


def _lower(pair: Sequence[str]) -> set[str]:
    return {text.lower() for text in pair}
