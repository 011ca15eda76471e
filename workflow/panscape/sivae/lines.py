"""Lines of a collection: names, cells, bins and training jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.errors import fail
from panscape.log import logger
from panscape.settings import FromMapping, Renamed
from panscape.sivae.bin_names import COPY, HALVES, is_extra
from panscape.sivae.depth import OK, with_equal_depth
from panscape.sivae.line_names import COLUMNS, OWN_COLUMNS, file_names, line_of_cells
from panscape.sivae.line_summary import summarise
from panscape.sivae.settings import SIVAE_KEYS, SIVAE_RENAMED

FEW, UNNAMED = "too few cells", "unnamed"


@dataclass(frozen=True)
class LineSettings(FromMapping):
    """Settings of the assignment to lines; keys of the configuration's section ``sivae``.

    Parameters
    ----------
    line
        Column of `obs` with the names of lines; a study without it is one line.
    within
        Column of cell types: the cells of a line that have the same one get a line of their own; None: all
        cells of a line belong together.
    bin_cells
        Number of cells of a bin. Cells left over from whole bins are discarded at random.
    min_cells
        Minimum number of cells of a line with a model.
    halves
        Also train a model on each half of the cells of lines with one bin.
    equal_depth
        Thin the counts of all lines to the depth of the shallowest one.
    min_depth
        Minimum depth (median counts of a cell) of a line with a model, if depths are made equal; None: a
        fraction of the median over lines, :data:`panscape.sivae.depth.SHALLOWEST`.
    thinnings
        Number of models of each bin on different thinnings of its cells, over which results are averaged.
    extra_steps
        Steps of the models of halves and further thinnings, as a fraction of those of the others, (0, 1].
    models_per_job
        Maximum number of models trained by one job (a line is never split over jobs).
    labels
        Column of cell types, of which lines have a composition, if it is mapped.
    """

    SECTION: ClassVar[str] = "sivae"
    BESIDE: ClassVar[frozenset[str]] = SIVAE_KEYS
    RENAMED: ClassVar[Mapping[str, Renamed]] = SIVAE_RENAMED

    line: str = "line"
    within: str | None = None
    bin_cells: int = 1000
    min_cells: int = 100
    halves: bool = True
    equal_depth: bool = True
    min_depth: int | None = None
    thinnings: int = 1
    extra_steps: float = 0.33
    models_per_job: int = 16
    labels: str | None = "cell_type"


@dataclass(frozen=True)
class LinePlan:
    """Assignment of cells to lines, bins and jobs.

    Attributes
    ----------
    lines
        line (of letters, digits and hyphens), name, within (its cell type, if lines are divided), study,
        n_cells, n_bins, bin_cells, discarded, depth (median counts of a cell), detected (median genes of a
        cell), composition (fractions of the labels of its cells), thinned_to (the depth to which its cells
        are thinned; NaN if they are not), the phenotype columns, job, status.
    cells
        line, bin, study, cell: the cells of every bin, by name.
    """

    lines: pd.DataFrame
    cells: pd.DataFrame

    @property
    def jobs(self) -> dict[str, list[str]]:
        """Lines of each job."""
        trained = self.lines[self.lines["status"] == OK]
        return {job: list(part["line"]) for job, part in trained.groupby("job", sort=False)}


def plan_lines(
    tables: Mapping[str, pd.DataFrame],
    settings: LineSettings,
    seed: int,
    columns: Sequence[str] = (),
    *,
    logged: Sequence[str] = (),
) -> LinePlan:
    """Assign the cells of a collection to lines, bins and jobs.

    Parameters
    ----------
    tables
        study -> its cells (indexed by name, with `n_counts`).
    settings
        Sizes and the column with the lines.
    seed
        Seed of the collection; cells are drawn at random, independent of their order in the file.
    columns
        Annotations summarised by line: the mean of numbers, or a text that all cells share.
    logged
        Studies of log values, which cannot be thinned: with any of them depths stay as they are.

    Raises
    ------
    UserError
        If two lines have the same file name, no line has enough cells, or an annotation has the name of a
        column of the table of lines.
    """
    columns = [name for name in columns if name not in (settings.line, settings.within, *OWN_COLUMNS)]
    if clash := sorted(set(columns) & set(COLUMNS) - {"line"}):
        problem = f"the table of lines has a column {clash[0]!r} of its own"
        raise fail(f"studies[].obs.{clash[0]}", problem, f"map it by another name, e.g. {clash[0]}_given")
    if not settings.equal_depth or set(tables) & set(logged):
        settings = replace(settings, thinnings=1)  # there is nothing to thin anew
    rows: list[dict[str, Any]] = []
    cells: list[pd.DataFrame] = []
    named = {
        study: line_of_cells(table, settings.line, settings.within, study) for study, table in tables.items()
    }
    slugs = file_names({study: labels["label"] for study, labels in named.items()})
    for study, table in tables.items():
        labels = named[study]
        if empty := int((labels["name"] == "").sum()):
            what = settings.line if settings.within is None else f"{settings.line} and {settings.within}"
            logger.warning("study %s: %d cells have no %s", study, empty, what)
            rows.append({"name": "", "study": study, "n_cells": empty, "status": UNNAMED, "discarded": empty})
        found = labels[labels["name"] != ""].drop_duplicates().sort_values(["name", "within"])
        for name, within, label in found.itertuples(index=False):
            line_cells = table[(labels["label"] == label).to_numpy()]
            line = slugs[study, label]
            bins, left = _share_out(line_cells.index, line, settings, seed)
            cells.extend(
                pd.DataFrame({"line": line, "bin": bin_, "study": study, "cell": chosen})
                for bin_, chosen in bins.items()
            )
            whole = [bin_ for bin_ in bins if not is_extra(bin_)]
            rows.append(
                {
                    "line": line,
                    "name": name,
                    **({} if settings.within is None else {"within": within}),
                    "study": study,
                    "n_cells": len(line_cells),
                    "n_bins": len(whole),
                    "bin_cells": len(bins[whole[0]]) if whole else 0,
                    "discarded": left,
                    "thinned_to": np.nan,
                    **summarise(line_cells, columns, settings.labels),
                    "models": len(bins),
                    "status": OK if bins else FEW,
                }
            )
    lines = pd.DataFrame(rows)
    if not (lines["status"] == OK).any():
        largest = int(lines["n_cells"].max())
        problem = f"no line has {settings.min_cells} cells; the largest has {largest}"
        raise fail(
            "sivae.min_cells",
            problem,
            f"lower it (to at most {largest}), or map obs.line to larger groups",
            few=True,
        )
    _tell_small(lines, settings.min_cells)
    if settings.equal_depth:
        lines = with_equal_depth(lines, settings.min_depth, logged)
        cells = [
            part for part in cells if part["line"].iloc[0] in set(lines.loc[lines["status"] == OK, "line"])
        ]
    lines["job"] = _jobs(lines, settings.models_per_job)
    for column in ("n_bins", "bin_cells", "discarded"):
        lines[column] = lines[column].fillna(0).astype(int)
    ends = ["job", "status"]
    order = [name for name in lines if name not in (*ends, "models")]
    shared = pd.concat(cells, ignore_index=True)
    return LinePlan(lines[["line", *(name for name in order if name != "line"), *ends]], shared)


def _tell_small(lines: pd.DataFrame, least: int) -> None:
    """Log which lines have too few cells, by cell type if lines are divided by it."""
    few = lines[lines["status"] == FEW]
    if "within" not in lines:
        for line in few["name"]:
            logger.warning("line %s has fewer than %d cells: no model", line, least)
        return
    for within, part in few.groupby("within"):
        of = int((lines["within"] == within).sum())
        names = ", ".join(f"{name} ({n})" for name, n in zip(part["name"], part["n_cells"], strict=True))
        text = "%s: %d of %d lines have fewer than %d cells and no model: %s"
        logger.warning(text, within, len(part), of, least, names)


def _share_out(
    cells: pd.Index, line: str, settings: LineSettings, seed: int
) -> tuple[dict[str, np.ndarray], int]:
    """Return the cells of every bin of a line, and the number of discarded cells."""
    n = len(cells)
    if n < settings.min_cells:
        return {}, n
    count, size = max(n // settings.bin_cells, 1), min(n, settings.bin_cells)
    order = cells.to_numpy()[seeds.stream(seed, "sivae", "bins", line).permutation(n)]
    bins = {str(at): order[at * size : (at + 1) * size] for at in range(count)}
    bins = {
        f"{bin_}{COPY}{again}" if again else bin_: chosen
        for bin_, chosen in bins.items()
        for again in range(settings.thinnings)
    }
    if settings.halves and count == 1:
        half = size // 2
        bins |= {HALVES[0]: order[:half], HALVES[1]: order[half : 2 * half]}
    return bins, n - count * size


def _jobs(lines: pd.DataFrame, max_models: int) -> list[str]:
    """Assign whole lines to jobs, in order."""
    jobs, job, used = [], 0, 0
    for models, status in zip(lines["models"], lines["status"], strict=True):
        if status != OK:
            jobs.append("")
            continue
        if used and used + models > max_models:
            job, used = job + 1, 0
        used += int(models)
        jobs.append(f"job-{job}")
    return jobs
