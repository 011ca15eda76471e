"""What the benchmarks of the dictionary share: the demo's system from cells to panclusters."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))


@dataclass(frozen=True)
class Planted:
    """Panclusters of the simulated studies, and the module of every gene.

    Attributes
    ----------
    combined, obs
        All panclusters (`panscape.coscape.landscape.combine.Combined`); obs has study and mean age.
    module
        Series, gene to module ("" for none).
    """

    combined: object
    obs: pd.DataFrame
    module: pd.Series

    def stack(self, settings):
        """Return the matrix that a dictionary explains."""
        from panscape.coscape.dictionary.stack import make_stack

        return make_stack(self.combined, self.obs, settings)


def plant(seed: int, modules: int, min_cells: int, coexpression: dict | None = None) -> Planted:
    """Draw the demo's studies with a number of modules and run them to coexpression, in a scratch folder.

    `coexpression` changes settings of the stage, such as its estimator.
    """
    from panscape.config import studies as inputs
    from panscape.config.load import load
    from panscape.coscape.coexpression.coexpress import coexpress
    from panscape.coscape.landscape.combine import Study, combine_studies
    from panscape.coscape.landscape.read import pair_positions
    from panscape.coscape.panclust.pancluster import pancluster
    from panscape.data import files
    from panscape.data.counts import Counts
    from panscape.preprocess.genes import select_genes
    from panscape.preprocess.study import filter_study
    from panscape.simulate.design import design
    from panscape.simulate.settings import from_config
    from panscape.simulate.write import write_study

    settings = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    settings["simulation"]["n_modules"] = modules
    settings["panclust"]["min_cells"] = min_cells
    chosen = load(settings)
    system = design(from_config(chosen["simulation"]), seed)
    names = inputs.used_by(chosen, "landscape")
    part = chosen["preprocess"]
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tables, cells = {}, {}
        for name in names:
            write_study(system, name, folder / f"{name}.raw.h5ad")
            given = {**inputs.study(chosen, name), "path": str(folder / f"{name}.raw.h5ad")}
            given.pop("simulated")
            counts = folder / f"{name}.h5ad"
            done = filter_study(given, counts, part, species="human", age_unit="days")
            tables[name] = done.genes
            cells[name] = done.table.loc[done.table["unit"] == "cells", "left"].min()
        keys = ("n_genes", "top_per_study", "score", "min_detection")
        options = {key: part[key] for key in keys} | {"exclude": part["exclude_genes"]}
        listed = select_genes(tables, n_cells=cells, species="human", **options)
        genes = listed.loc[listed["selected"], "gene"].to_numpy(dtype=object)
        studies, ages = [], []
        for name in names:
            counts = folder / f"{name}.h5ad"
            table, members = pancluster(counts, list(genes), chosen["panclust"], seed, study=name)
            how = {**chosen["coexpression"], "normalisation": part["normalisation"], **(coexpression or {})}
            result = coexpress(counts, list(genes), table, members, how)
            files.write_tsv(table, folder / "clusters.tsv")
            table = files.read_tsv(folder / "clusters.tsv", dtype={"cluster": str, "parent": str})
            pairs = pair_positions(result.pairs, genes, name)
            detection = np.asarray(result.expression.layers["detection"])
            studies.append(Study(name, table, result.matrix, pairs, genes, detection=detection))
            age = Counts(counts).obs["age"].to_numpy(dtype=float)
            ages.append((members @ age) / np.diff(members.indptr))
    combined = combine_studies(studies)
    obs = combined.clusters.set_index("cluster").assign(age=np.concatenate(ages))
    module = system.genes.set_index("gene")["module"].astype(str)
    return Planted(combined, obs, module.where(module.str.startswith("module"), ""))


def modules_of(stack, module: pd.Series) -> tuple[list[str], np.ndarray]:
    """Return the modules' names, and for every pair the number of the module of both genes (-1: none)."""
    one, two = (module.reindex(ends).fillna("").to_numpy() for ends in (stack.gene_a, stack.gene_b))
    names = sorted(set(module) - {""})
    number = {name: at for at, name in enumerate(names)}
    return names, np.array([number[a] if a == b and a else -1 for a, b in zip(one, two, strict=True)])


def expected_entries(stack, owner: np.ndarray, count: int) -> np.ndarray:
    """Return (count, P): of each module's own pairs the leading singular vector over panclusters."""
    entries = np.zeros((count, stack.data.shape[1]))
    for at in range(count):
        columns = np.flatnonzero(owner == at)
        if len(columns) > 2:
            selected = np.maximum(stack.data[:, columns].toarray(), 0)
            entries[at, columns] = np.abs(np.linalg.svd(selected, full_matrices=False)[2][0])
    return entries
