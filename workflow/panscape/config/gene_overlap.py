"""Check of the genes shared by the studies, before the first job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from panscape.errors import Problem

if TYPE_CHECKING:
    from panscape.config.look import Seen
    from panscape.data.readers.genes import GeneMap
    from panscape.data.readers.source import Source

BINARY = ("h5ad", "h5mu", "10x-h5")  # formats whose counts are fast to read
MANY = 20_000_000  # maximum stored values to read before the run
LOST = 0.05  # fraction of unused genes that gives a warning
EXAMPLES = 5


def detected(source: Source, genes: GeneMap, kept: np.ndarray | None, least: int) -> frozenset[str]:
    """Return the genes detected in a minimum number of cells, before quality control.

    All genes if the counts are large or in a text format, since reading them would delay the start.

    Parameters
    ----------
    source, genes
        The study and its gene map.
    kept
        bool (n_cells,): cells that pass the study's `keep`; None for all.
    least
        Minimum number of cells.
    """
    names = frozenset(genes.names)
    if least <= 0 or source.format not in BINARY or source.nnz is None or source.nnz > MANY:
        return names
    count = np.zeros(len(genes.names), dtype=np.int64)
    for rows, block in source.blocks():
        block = genes.apply(block)
        block = block if kept is None else block[np.flatnonzero(kept[rows])]
        count += np.bincount(block.indices[block.data != 0], minlength=len(count))
    return frozenset(np.asarray(genes.names, dtype=object)[count >= least])


def overlap(
    seen: Sequence[Seen], present_in: str | float, problems: list[Problem], warnings: list[str]
) -> None:
    """Report a problem if no gene is in enough studies, or a warning if many genes are not used.

    Parameters
    ----------
    seen
        The studies whose genes are known, at least two.
    present_in
        Setting ``preprocess.present_in``.
    problems, warnings
        Lists to which problems and warnings are appended.
    """
    from panscape.preprocess.genes import studies_needed

    needed = studies_needed(present_in, len(seen))
    where = "all of them" if needed == len(seen) else f"at least {needed} of {len(seen)} studies"
    named = _common([_genes(study) for study in seen], needed)
    if not named or not all(_genes(study) & named for study in seen):
        odd = [study.name for study in seen if not _genes(study) & named] if named else []
        what = f"{', '.join(odd)} has no gene that {where} have" if odd else f"no gene is in {where}"
        problems.append(Problem("studies", f"{what}: {'; '.join(map(_examples, seen))}", _naming(seen)))
        return
    measured = [study.measured for study in seen]
    union: frozenset[str] = frozenset().union(*measured)
    used = _common(measured, needed)
    if len(union) - len(used) < LOST * len(union):
        return
    lost = sorted(union - used)
    numbers = ", ".join(f"{study.name} {len(study.measured):,}" for study in seen)
    everywhere = len(_common(measured, len(seen)))
    warnings.append(
        f"{len(used):,} of {len(union):,} genes are measured in at least {needed} of {len(seen)} studies and "
        f"can be used (preprocess.present_in: {present_in}; {everywhere:,} are measured in all; {numbers}); "
        f"left out are e.g. {', '.join(lost[:EXAMPLES])}"
    )


def _genes(study: Seen) -> frozenset[str]:
    """Return the gene names of a study whose genes are known."""
    return study.genes or frozenset()


def _common(sets: Sequence[frozenset[str]], needed: int) -> frozenset[str]:
    """Return the names that occur in at least `needed` sets."""
    count = Counter(name for one in sets for name in one)
    return frozenset(name for name, number in count.items() if number >= needed)


def _examples(study: Seen) -> str:
    return f"{study.name} ({study.where}) has {_kind(study)} such as {', '.join(sorted(_genes(study))[:3])}"


def _kind(study: Seen) -> str:
    from panscape.data.readers.genes import looks_like_ensembl

    return "ids" if looks_like_ensembl(sorted(_genes(study))[:1000]) else "symbols"


def _naming(seen: Sequence[Seen]) -> str:
    """Return the advice on how to make gene names agree."""
    with_ids = [study for study in seen if _kind(study) == "ids"]
    if 0 < len(with_ids) < len(seen):
        places = ", ".join(study.where for study in with_ids)
        return f"give the symbols of {places} with genes.column or genes.mapping"
    lower = frozenset.intersection(*(frozenset(map(str.lower, _genes(study))) for study in seen))
    if lower:
        return f"{len(lower)} names agree but for capitals: set species, and genes.case: species"
    for study in seen:
        rest = frozenset.intersection(*(_genes(other) for other in seen if other is not study))
        if len(seen) > 2 and rest:
            return f"the others share {len(rest)} genes: see genes.column and genes.mapping of {study.where}"
    return "see genes.column and genes.mapping, and whether the studies are of one species"
