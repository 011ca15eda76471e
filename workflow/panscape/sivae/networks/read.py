"""Reader of the results of the siVAE stage by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data import digests
from panscape.data.elements import read_frame
from panscape.data.files import open_h5, read_csr, read_tsv
from panscape.errors import fail
from panscape.sivae.bin_names import COPY, HALVES
from panscape.sivae.networks.lines_table import read_lines_table, with_table
from panscape.sivae.networks.within import of_kind

EMBEDDED = {"sivae": "bin-", "pca": "pca-"}
"""Models with gene embeddings, and how their keys in ``embedding.h5ad`` begin."""
GRAPHS = {
    "sivae": "graph.npz",
    "pca": "graph_pca.npz",
    "pearson": "graph_pearson.npz",
    "corrected": "graph_corrected.npz",
    "proportionality": "graph_proportionality.npz",
}
READ = ("models.tsv", "genes.tsv.gz", "embedding.h5ad", "neighbours.tsv.gz", *GRAPHS.values())
"""Files of a line that are read here."""
OK = "ok"


def read_lines(path: str | Path, table: str | None = None) -> pd.DataFrame:
    """Read the table of lines, including those without a model (status other than ``ok``).

    Parameters
    ----------
    path
        ``lines.tsv`` of the stage siVAE.
    table
        The user's table of lines, whose columns are joined, see
        :func:`panscape.sivae.networks.lines_table.with_table`; None: phenotypes are mapped columns only.
    """
    text = dict.fromkeys(("line", "name", "within", "study", "status"), str)
    lines = read_tsv(path, dtype=text)
    return lines if table is None else with_table(lines, read_lines_table(table), table)


def trained(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines with a model."""
    return lines[lines["status"] == OK].reset_index(drop=True)


@dataclass(frozen=True)
class LineFiles:
    """Results of a line: a folder of the siVAE stage."""

    name: str
    folder: Path

    def bins(self) -> list[str]:
        """Return the names of all bins (halves included), in the order of the graphs."""
        with open_h5(self.folder / "embedding.h5ad") as file:
            keys = [key.removeprefix("bin-") for key in file["obsm"] if key.startswith("bin-")]
        return sorted(keys, key=_place)

    def genes(self) -> list[str]:
        """Return the genes in the order of embeddings and graphs."""
        with open_h5(self.folder / "embedding.h5ad") as file:
            return list(read_frame(file["obs"]).index.astype(str))

    def embeddings(self, model: str, bins: Sequence[str]) -> list[np.ndarray]:
        """Return the gene embeddings (G, K) of some bins."""
        with open_h5(self.folder / "embedding.h5ad") as file:
            return [np.asarray(file["obsm"][EMBEDDED[model] + name]) for name in bins]

    def graphs(self, model: str, bins: Sequence[str]) -> list[sparse.csr_matrix]:
        """Return the networks (G, G) of some bins."""
        path = self.folder / GRAPHS[model]
        stacked = read_csr(path)
        names, size = self.bins(), stacked.shape[1]
        if stacked.shape[0] != size * len(names):
            problem = f"{stacked.shape[0]} rows of {size} genes, where there are {len(names)} bins"
            raise fail(str(path), problem, f"remove {self.folder} and run the stage sivae again")
        return [stacked[at * size : (at + 1) * size] for at in map(names.index, bins)]

    def collapsed(self) -> list[str]:
        """Return the bins with a collapsed siVAE."""
        table = read_tsv(self.folder / "models.tsv", dtype={"bin": str, "collapsed": str})
        return list(table.loc[table["collapsed"] == "True", "bin"])

    def neighbours(self) -> pd.DataFrame:
        """Return bin, model, gene, rank, neighbour of the whole bins."""
        text = dict.fromkeys(("bin", "model", "gene", "neighbour"), str)
        return read_tsv(self.folder / "neighbours.tsv.gz", dtype=text)

    def table(self) -> pd.DataFrame:
        """Return bin, model, gene, centrality, centrality_heldout, mean, detection."""
        return read_tsv(self.folder / "genes.tsv.gz", dtype={"bin": str, "model": str, "gene": str})


@dataclass(frozen=True)
class Collection:
    """All lines with a model, on the same genes.

    Attributes
    ----------
    lines
        Table of the lines, in the order of `files`.
    files
        One per line.
    genes
        Names.
    """

    lines: pd.DataFrame
    files: tuple[LineFiles, ...]
    genes: np.ndarray

    def of_kind(self, within: str) -> Collection:
        """Return the lines of a cell type; all lines if they are not divided by type."""
        inside = np.flatnonzero(of_kind(self.lines, within))
        lines = self.lines.iloc[inside].reset_index(drop=True)
        return Collection(lines, tuple(self.files[at] for at in inside), self.genes)

    @property
    def names(self) -> list[str]:
        """Return the file names of the lines."""
        return list(self.lines["line"])

    def whole(self, at: int) -> list[str]:
        """Return the names of a line's bins, with further thinnings of them, without halves."""
        return [name for name in self.files[at].bins() if name not in HALVES]

    def parts(self, at: int) -> tuple[list[str], str]:
        """Return the bins for assessing a line's reliability, and their kind: bins, halves or none."""
        names = self.files[at].bins()
        whole = [name for name in names if name not in HALVES and COPY not in name]
        if len(whole) > 1:
            return whole, "bins"
        halves = [name for name in names if name in HALVES]
        return (halves, "halves") if len(halves) > 1 else (whole, "none")

    def graphs(self, model: str) -> list[list[sparse.csr_matrix]]:
        """Return every line's networks, one per whole bin."""
        return [file.graphs(model, self.whole(at)) for at, file in enumerate(self.files)]

    def centralities(self, model: str, column: str = "centrality") -> np.ndarray:
        """Return (G, L) of a column of the tables of genes, averaged over a line's whole bins.

        The centrality of a gene that is constant in a line is 0. Engines without embedding have no held-out
        centrality; theirs over the training cells is returned.
        """
        if model not in EMBEDDED and column == "centrality_heldout":
            column = "centrality"
        rows = []
        for at, file in enumerate(self.files):
            table = file.table()
            selected = table[(table["model"] == model) & table["bin"].isin(self.whole(at))]
            rows.append(
                selected.groupby("gene")[column].mean().reindex(self.genes).fillna(0.0).to_numpy(float)
            )
        return np.stack(rows, axis=1)


def _place(name: str) -> tuple[bool, int, int]:
    """Return the place of a bin: by number, then by thinning; halves last."""
    if name in HALVES:
        return True, HALVES.index(name), 0
    number, _, again = name.partition(COPY)
    return False, int(number), int(again or 0)


def read_collection(lines: pd.DataFrame, folder: str | Path) -> Collection:
    """Read the models of all lines from ``results/{collection}/sivae``.

    Raises
    ------
    UserError
        If lines have different genes, or files are missing or not as they were written: jobs name one file
        of a line.
    """
    table = trained(lines)
    files = tuple(LineFiles(name, Path(folder) / name) for name in table["line"])
    if not files:
        raise fail("sivae/lines.tsv", "no line has a model", "see the column status", few=True)
    digests.check(*(file.folder for file in files), names=READ)
    genes = files[0].genes()
    for file in files[1:]:
        if file.genes() != genes:
            problem = f"{file.name} and {files[0].name} have models of different genes"
            raise fail(str(folder), problem, "remove the folder and run the stage sivae again")
    return Collection(table, files, np.asarray(genes, dtype=object))
