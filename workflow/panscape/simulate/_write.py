"""Writing simulated studies and their truth."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from panscape.counts import CountsWriter
from panscape.files import atomic, write_tsv
from panscape.log import Progress
from panscape.simulate._design import System, coupling
from panscape.simulate._draw import study

AGE_GRID = 41


def write_study(system: System, name: str, path: str | Path) -> None:
    """Write one study as h5ad: counts in X, cells with their truth in obs, activities in obsm.

    Needs the memory of one block of cells and of the annotations.
    """
    from anndata.io import write_elem

    drawn = study(system, name)
    progress = Progress("cells", len(drawn.obs))
    with atomic(path) as scratch:
        with CountsWriter(scratch, drawn.shape[1]) as writer:
            for rows, block in drawn.blocks():
                writer.append(block)
                progress.add(rows.stop - rows.start)
            writer.finish(drawn.obs, drawn.var)
        with h5py.File(scratch, "a") as file:
            write_elem(file, "obsm", {"X_activity": drawn.activity()})


def write_truth(system: System, folder: str | Path) -> None:
    """Write what was planted as TSV files.

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
