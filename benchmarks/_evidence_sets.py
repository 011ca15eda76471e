"""Collections on which distances of the landscape are compared: simulated shapes and real data with ages.

A collection is prepared and clustered once per seed and kept in a folder of its own, so that all variants see
the same clusters and a rerun costs the landscapes only.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from landscape_settings import ETA, LOOSE, REAL, simulated

from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.coexpression.signal import choose_pairs
from panscape.coscape.landscape.annotate import annotate_clusters
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.read import pair_positions, read_chosen
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.panclust.pancluster import pancluster
from panscape.data.counts import Counts
from panscape.data.files import read_csr, read_tsv, write_csr, write_tsv
from panscape.preprocess.genes import genes_of, select_genes
from panscape.preprocess.study import filter_study
from panscape.simulate.design import design
from panscape.simulate.shapes import SHAPES
from panscape.simulate.write import write_study

FRESH = 1000  # added to the seeds of simulations: no simulation has been drawn with these before
ACINAR = "donors_human_acinar_enge2017_age.h5ad"
# set -> (studies, smallest cluster, genes)
MEASURED = {name: REAL[name] for name in ("worm-batches", "worm-one", "worm-larva", "blood")}
MEASURED["acinar"] = (
    [
        {
            "id": "acinar",
            "path": ACINAR,
            "obs": {"age": {"column": "age_years"}, "sample": {"column": "donor"}},
        }
    ],
    20,
    800,
)
OLDER = ("simulated", "simulated-sparse")
UNDECIDING = ("blood", "acinar")  # too few disjoint clusters to tell variants apart
ALL = (*SHAPES, *OLDER, *MEASURED)


@dataclass(frozen=True)
class Collection:
    """A clustered collection.

    Attributes
    ----------
    name, seed
        Of the set, and of its simulation and clustering.
    studies
        Clusters of each study with coexpression at a low threshold.
    paths
        Study -> its counts after quality control.
    selection
        Table of the genes.
    folder
        Where what has been computed of these clusters is kept.
    """

    name: str
    seed: int
    studies: list[Study]
    paths: dict[str, Path]
    selection: pd.DataFrame
    folder: Path


def collection(
    name: str, seed: int, work: Path, data: Path | None, clustering: dict | None = None
) -> Collection | None:
    """Return a set for a seed, from `work` if it is there; None if its data are missing.

    Parameters
    ----------
    name
        One of ``ALL``.
    seed
        Seed of the clustering and of a simulation's draws.
    work
        Folder for what is kept between runs.
    data
        Folder of the real data; None skips these.
    clustering
        Changes of the settings of panclustering.
    """
    if name in MEASURED and (missing := _missing(name, data)):
        print(f"skipped {name}: no {missing} in {data}")
        return None
    clustering = clustering or {}
    label = "-".join(f"{key}-{value}" for key, value in sorted(clustering.items())) or "default"
    counts = work / (name if name in MEASURED else f"{name}-{seed}")
    folder = counts / f"clusters-{label}-{seed}"
    if not (counts / "ready.json").exists():
        _prepare(name, seed, counts, data)
    ready = json.loads((counts / "ready.json").read_text())
    paths = {study: counts / f"{study}.h5ad" for study in ready["studies"]}
    selection = read_tsv(counts / "genes.tsv", dtype={"gene": str}, keep_default_na=False)
    genes = selection.loc[selection["selected"], "gene"].to_numpy(dtype=object)
    studies = []
    for study, path in paths.items():
        if not (folder / study / "expression.npz").exists():
            own = genes_of(selection, study)
            _cluster(path, study, own, list(genes), ready["smallest"], seed, clustering, folder / study)
        studies.append(_read(study, path, genes, folder / study))
    return Collection(name, seed, studies, paths, selection, folder)


def scored(given: Collection, estimator: str, top: int) -> list[Study]:
    """Return the studies with the scores that the corrected distance needs.

    Parameters
    ----------
    given
        From :func:`collection`.
    estimator
        ``"pearson"`` or ``"corrected"``.
    top
        Number of pairs of genes.
    """
    folder = given.folder / f"scores-{estimator}-{top}"
    genes = given.studies[0].genes
    if not (folder / "pairs.tsv").exists():
        folder.mkdir(exist_ok=True)
        write_tsv(choose_pairs(study_signals(given, estimator), genes, top), folder / "pairs.tsv")
    chosen = read_chosen(folder / "pairs.tsv")
    positions, weight = pair_positions(chosen, genes), chosen["weight"].to_numpy(dtype=float)
    studies = []
    for study in given.studies:
        path, own = folder / f"{study.name}.npz", genes_of(given.selection, study.name)
        if not path.exists():
            counts = given.paths[study.name]
            write_csr(score_study(counts, own, study.members, chosen, estimator=estimator), path)
        scores = Scores.of(read_csr(path), positions, weight, study.members)
        studies.append(replace(study, scores=scores))
    return studies


def study_signals(given: Collection, estimator: str) -> list:
    """Return how much signal each pair has in each study."""
    options = {"estimator": estimator, "normalisation": "depth-log1p"}
    every, found = list(given.studies[0].genes), []
    for study in given.studies:
        own, counts = genes_of(given.selection, study.name), given.paths[study.name]
        done = coexpress(counts, own, study.clusters, study.members, options, all_genes=every, signal=True)
        found.append(done.signal)
    return found


def correlated(given: Collection, options: dict) -> list[Study]:
    """Return the studies with other coexpression of the same clusters, e.g. that of a preset.

    Parameters
    ----------
    given
        From :func:`collection`.
    options
        Settings of :func:`coexpress`.
    """
    label = "-".join(f"{key}-{value}" for key, value in sorted(options.items()))
    folder, genes = given.folder / f"coexpression-{label}", given.studies[0].genes
    folder.mkdir(exist_ok=True)
    studies = []
    for study in given.studies:
        path, counts = folder / f"{study.name}.npz", given.paths[study.name]
        if not path.exists():
            own = genes_of(given.selection, study.name)
            found = coexpress(counts, own, study.clusters, study.members, options, all_genes=list(genes))
            np.save(folder / f"{study.name}.npy", pair_positions(found.pairs, genes))
            write_csr(found.matrix, path)
        pairs = np.load(folder / f"{study.name}.npy")
        studies.append(replace(study, matrix=read_csr(path), pairs=pairs))
    return studies


def _missing(name: str, data: Path | None) -> str:
    paths = [study["path"] for study in MEASURED[name][0]]
    return next((path for path in paths if data is None or not (data / path).exists()), "")


def _prepare(name: str, seed: int, folder: Path, data: Path | None) -> None:
    """Write counts after quality control, the selection of genes, and what the clustering needs."""
    folder.mkdir(parents=True, exist_ok=True)
    limits, smallest, n_genes = {**LOOSE, "min_genes": 60}, 60, 600
    if name in MEASURED:
        studies, smallest, n_genes = MEASURED[name]
        studies, limits = [{**study, "path": str(data / study["path"])} for study in studies], LOOSE
    else:
        if name in OLDER:
            settings, smallest, n_genes = simulated(name, 1500, 0), 100, 800
        else:
            settings = SHAPES[name]()
        system, studies = design(settings, FRESH + seed), []
        for study in settings.studies:
            raw = folder / f"{study.name}.raw.h5ad"
            write_study(system, study.name, raw)
            obs = {column: {"column": column} for column in ("age", "sample", "cell_type")}
            studies.append({"id": study.name, "path": str(raw), "obs": obs})
    tables = {}
    for study in studies:
        source = {"format": "h5ad", "counts": "X", **study}
        path = folder / f"{study['id']}.h5ad"
        species = {"blood": "mouse", "acinar": "human"}.get(name, "other")
        tables[study["id"]] = filter_study(source, path, limits, species=species).genes
    write_tsv(select_genes(tables, n_genes=n_genes), folder / "genes.tsv")
    (folder / "ready.json").write_text(json.dumps({"studies": list(tables), "smallest": smallest}))


def _cluster(path, study, own, genes, smallest, seed, clustering, folder: Path) -> None:
    """Cluster a study, correlate its clusters and write both."""
    folder.mkdir(parents=True, exist_ok=True)
    clusters, members = pancluster(path, own, {"min_cells": smallest, **clustering}, seed, study=study)
    found = coexpress(
        path, own, clusters, members, {"eta": ETA, "normalisation": "depth-log1p"}, all_genes=genes
    )
    write_tsv(clusters, folder / "clusters.tsv")
    write_csr(members, folder / "members.npz")
    write_csr(found.matrix, folder / "matrix.npz")
    layers = found.expression.layers
    np.savez(
        folder / "expression.npz",
        pairs=pair_positions(found.pairs, np.asarray(genes, dtype=object)),
        expression=np.asarray(found.expression.X),
        mean=np.asarray(layers["mean"]),
        detection=np.asarray(layers["detection"]),
    )


def _read(study: str, path: Path, genes: np.ndarray, folder: Path) -> Study:
    clusters = read_tsv(folder / "clusters.tsv", dtype={"cluster": str, "parent": str})
    members, cells = read_csr(folder / "members.npz"), Counts(path).obs
    with np.load(folder / "expression.npz") as kept:
        arrays = {name: kept[name] for name in ("expression", "mean", "detection")}
        pairs = kept["pairs"]
    table = annotate_clusters(clusters, members, cells)
    return Study(
        study, table, read_csr(folder / "matrix.npz"), pairs, genes, **arrays, members=members, cells=cells
    )
