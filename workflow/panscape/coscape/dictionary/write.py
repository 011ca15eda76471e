"""File format of a dictionary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape import reference
from panscape.coscape.dictionary.choose import Choice
from panscape.coscape.dictionary.entries import Dictionary
from panscape.coscape.dictionary.stack import Stack
from panscape.data.files import read_h5ad

if TYPE_CHECKING:
    from anndata import AnnData

ASIDE = "aside"


def dictionary_to_anndata(
    result: Dictionary,
    stack: Stack,
    choice: Choice,
    parameters: dict,
    collection: Mapping[str, Any] | None = None,
) -> AnnData:
    """Return the dictionary as AnnData: entries x gene pairs.

    Parameters
    ----------
    result, stack, choice
        From :func:`panscape.coscape.dictionary.fit_stack.learn_stack`.
    parameters
        Settings of the dictionary.
    collection
        Settings for projections onto it, see :func:`panscape.coscape.reference.describe`.

    Returns
    -------
    X: CSR weights (rows of norm 1); layer ``edges``: weights of an entry's edges only; obs: n_panclusters,
    pseudotime, stability, share; var: gene_a, gene_b; obsm ``usage``: entries x panclusters, whose names are
    in uns ``panclusters``; uns ``aside``: entries set aside, ``objectives`` of all starts, ``error``,
    ``genes`` analysed, ``measured`` (study -> which of them it measures, where not all), ``parameters``, and
    `collection` as JSON.
    """
    import anndata

    kept = result.table[result.table["kept"]].drop(columns="kept").set_index("entry")
    pairs = pd.DataFrame({"gene_a": stack.gene_a.astype(str), "gene_b": stack.gene_b.astype(str)})
    pairs.index = pairs.index.astype(str)
    data = anndata.AnnData(sparse.csr_matrix(result.entries, dtype=np.float32), obs=kept, var=pairs)
    data.layers["edges"] = sparse.csr_matrix(result.edges, dtype=np.float32)
    data.obsm["usage"] = np.ascontiguousarray(result.usage.T, dtype=np.float32)
    aside = result.table[~result.table["kept"]].drop(columns="kept").set_index("entry")
    data.uns.update(
        {
            "panclusters": stack.obs.index.to_numpy(dtype=str).astype(object),
            "genes": stack.genes.astype(str).astype(object),
            ASIDE: aside,
            "objectives": np.asarray(choice.objectives),
            "error": float(choice.fit.error),
            "parameters": {key: str(value) for key, value in parameters.items()},
        }
    )
    if measured := stack.measured_by_study():
        data.uns["measured"] = measured
    if collection is not None:
        data.uns[reference.KEY] = json.dumps(dict(collection), sort_keys=True)
    return data


def read_dictionary(path: str | Path) -> SavedDictionary:
    """Read a dictionary written by :func:`dictionary_to_anndata`."""
    return SavedDictionary(read_h5ad(path))


class SavedDictionary:
    """A dictionary read from its file.

    Attributes
    ----------
    names
        K entry names.
    entries, edges
        CSR (K, P) float64.
    gene_a, gene_b
        (P,) genes of the pairs.
    usage
        (N, K) codes.
    panclusters
        N names.
    genes
        The genes analysed.
    measured
        Study -> (len(genes),) bool: the genes that it measures; empty if all measure all.
    table
        One row per entry.
    aside
        One row per entry set aside.
    """

    def __init__(self, data: AnnData):
        self.names: list[str] = list(data.obs_names)
        self.entries = sparse.csr_matrix(data.X, dtype=np.float64)
        self.edges = sparse.csr_matrix(data.layers["edges"], dtype=np.float64)
        self.gene_a = data.var["gene_a"].astype(str).to_numpy(dtype=object)
        self.gene_b = data.var["gene_b"].astype(str).to_numpy(dtype=object)
        self.usage = np.asarray(data.obsm["usage"], dtype=np.float64).T
        self.panclusters: Sequence[str] = list(data.uns["panclusters"])
        self.genes: Sequence[str] = list(data.uns["genes"])
        self.measured: Mapping[str, np.ndarray] = {
            study: np.asarray(flags, dtype=bool) for study, flags in data.uns.get("measured", {}).items()
        }
        self.table: pd.DataFrame = data.obs.rename_axis("entry").reset_index()
        self.aside: pd.DataFrame = data.uns[ASIDE]
        self.error = float(data.uns["error"])

    def genes_of(self, study: str) -> np.ndarray:
        """Return a mask of the genes that a study measures, (len(genes),) bool."""
        return self.measured.get(study, np.ones(len(self.genes), dtype=bool))

    def edge_columns(self) -> np.ndarray:
        """Return the positions of the pairs that are an edge of any entry."""
        return np.unique(self.edges.indices)
