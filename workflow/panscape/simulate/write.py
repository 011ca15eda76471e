"""Writing of simulated studies and their truth."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from panscape.data.counts import CountsWriter
from panscape.data.files import atomic, write_tsv
from panscape.log import Progress
from panscape.simulate.design import System, coupling
from panscape.simulate.draw import Study, study
from panscape.simulate.lines import LinesStudy

AGE_GRID = 41


def write_study(system: System, name: str, path: str | Path) -> None:
    """Write one study as h5ad: counts in X, cells with their truth in obs, activities in obsm.

    Only one block of cells and the annotations are in memory.

    Parameters
    ----------
    system
        From :func:`panscape.simulate.design.design`.
    name
        Name of the study.
    path
        The h5ad file.
    """
    drawn = study(system, name)
    _write(drawn, path, {"X_activity": drawn.activity()})


def write_lines(drawn: LinesStudy, path: str | Path) -> None:
    """Write a study of lines as h5ad: counts in X, cells with line, phenotype and group in obs."""
    _write(drawn, path, {})


def write_lines_truth(drawn: LinesStudy, genes: str | Path, lines: str | Path, modules: str | Path) -> None:
    """Write the planted structure of a study of lines.

    Each gene's module and role and each line's phenotype as TSV; the modules as a GMT file of gene sets.

    Parameters
    ----------
    drawn
        From :func:`panscape.simulate.lines.lines_study`.
    genes, lines, modules
        The files: two TSV and a GMT.
    """
    write_tsv(drawn.genes, genes)
    write_tsv(drawn.lines, lines)
    inside = drawn.genes[drawn.genes["module"] != ""].groupby(["module", "role"], sort=False)["gene"]
    with atomic(modules) as scratch:
        rows = ["\t".join([name, role, *members]) for (name, role), members in inside]
        scratch.write_text("\n".join(rows) + "\n")


def _write(drawn: Study | LinesStudy, path: str | Path, obsm: dict[str, np.ndarray]) -> None:
    from anndata.io import write_elem

    progress = Progress("cells", len(drawn.obs))
    with atomic(path) as scratch:
        with CountsWriter(scratch, drawn.shape[1]) as writer:
            for rows, block in drawn.blocks():
                writer.append(block)
                progress.add(rows.stop - rows.start)
            writer.finish(drawn.obs, drawn.var)
        with h5py.File(scratch, "a") as file:
            write_elem(file, "obsm", obsm)


def write_truth(system: System, folder: str | Path) -> None:
    """Write the planted structure of a system as TSV files.

    ``genes.tsv`` (gene, role, module, base, spread, dispersion), ``modules.tsv`` (module, kind, lineage,
    onset, offset, moves, genes), ``coupling.tsv`` (module, lineage, age, coupling), ``types.tsv``
    (cell_type, lineage, parent, age_from, age_to), ``shifts.tsv`` (gene, one column per study).
    """
    folder = Path(folder)
    members = system.genes.loc[system.genes["role"] == "module"].groupby("module")["gene"].agg(";".join)
    write_tsv(system.genes, folder / "genes.tsv")
    write_tsv(system.modules.assign(genes=system.modules["module"].map(members)), folder / "modules.tsv")
    write_tsv(_coupling_table(system), folder / "coupling.tsv")
    write_tsv(system.types, folder / "types.tsv")
    write_tsv(system.shifts.rename_axis("gene").reset_index(), folder / "shifts.tsv")


def _coupling_table(system: System) -> pd.DataFrame:
    ages = np.linspace(*system.settings.span, AGE_GRID)
    names = system.modules["module"].tolist()
    parts = []
    for lineage in pd.unique(system.types["lineage"]):
        wide = pd.DataFrame(coupling(system, ages, np.repeat(lineage, len(ages))), columns=names)
        parts.append(
            wide.assign(lineage=lineage, age=ages).melt(["lineage", "age"], names, "module", "coupling")
        )
    return pd.concat(parts, ignore_index=True)[["module", "lineage", "age", "coupling"]]
