"""Simulated studies in memory equal those written by the workflow."""

import anndata
import numpy as np
import pytest

from panscape.errors import UserError
from panscape.simulate import LinesSettings, simulate_atlas, simulate_lines, simulate_multiome
from panscape.simulate.design import design
from panscape.simulate.lines import lines_study
from panscape.simulate.settings import from_config
from panscape.simulate.write import write_lines, write_study

STUDIES = [{"name": "a", "cells": 60, "ages": [0, 10]}, {"name": "b", "cells": 40, "ages": [5, 20]}]
SMALL = {"studies": STUDIES, "n_genes": 200, "n_modules": 4, "module_genes": 8}


def test_an_atlas_has_the_counts_of_the_files(tmp_path):
    atlas = simulate_atlas(SMALL, seed=3)
    for name in "ab":
        write_study(design(from_config(SMALL), 3), name, tmp_path / f"{name}.h5ad")
        written = anndata.read_h5ad(tmp_path / f"{name}.h5ad")
        part = atlas[atlas.obs["study"] == name]
        assert (part.X != written.X).nnz == 0 and list(part.var_names) == list(written.var_names)
        np.testing.assert_array_equal(part.obs["age"], written.obs["age"])
    assert atlas.obs_names.is_unique and len(atlas.uns["modules"]) == 4
    assert (simulate_atlas(**SMALL, seed=3).X != atlas.X).nnz == 0
    with pytest.raises(UserError, match="did you mean 'lineages'"):
        simulate_atlas(SMALL, lineags=2)


def test_lines_have_the_counts_of_the_file(tmp_path):
    cells = simulate_lines(lines=3, cells=20, n_genes=80, seed=2)
    write_lines(lines_study(LinesSettings("lines", lines=3, cells=20, n_genes=80), 2), tmp_path / "l.h5ad")
    assert (cells.X != anndata.read_h5ad(tmp_path / "l.h5ad").X).nnz == 0
    assert set(cells.var["role"]) == {"loses", "moves", "stays", "plain"}


def test_a_multiome_has_both_modalities_of_the_same_cells():
    sample = simulate_multiome(cells=40, n_genes=60, n_peaks=150, seed=1)
    assert (sample["rna"].obs_names == sample["atac"].obs_names).all() and len(sample.obs) == 40
    assert {"cell_type", "state"} <= set(sample.obs) and len(sample.uns["links"])
