"""Results of the stage sivae for made-up lines, with PCA loadings in the place of siVAE's."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data import files
from panscape.simulate.lines import LinesSettings, lines_study
from panscape.sivae.network import nearest
from panscape.sivae.networks.read import GRAPHS, HALVES
from panscape.stats.count_correlation import corrected_correlations
from panscape.stats.proportionality import proportionality

SMALL = LinesSettings("lines", lines=12, cells=240, n_genes=90, n_modules=5, module_genes=10)
DENSITY = 0.05


def top_pairs(similarity, density=DENSITY):
    """Return the symmetric graph of the most similar pairs."""
    upper = np.triu_indices(len(similarity), 1)
    count = round(density * len(upper[0]))
    best = np.argsort(-similarity[upper], kind="stable")[:count]
    rows, columns = upper[0][best], upper[1][best]
    graph = sparse.coo_matrix((np.ones(count, bool), (rows, columns)), shape=similarity.shape)
    return sparse.csr_matrix(graph + graph.T)


def scaled(counts):
    """Return scaled log expression of cells x genes counts; constant genes are 0."""
    depth = counts.sum(axis=1, keepdims=True)
    log = np.log1p(counts / np.maximum(depth, 1) * np.median(depth))
    sd = log.std(axis=0)
    return (log - log.mean(axis=0)) / np.where(sd > 0, sd, 1), log


def pca_model(counts, k=6):
    """Return what is read off a PCA of a bin: loadings, centrality, mean, detection, graphs."""
    x, log = scaled(counts)
    _, values, vectors = np.linalg.svd(x, full_matrices=False)
    loadings = vectors[:k].T * values[:k] / np.sqrt(len(x))
    varies = np.maximum(np.square(x).mean(axis=0), 1e-9)
    fitted = corrected_correlations(sparse.csr_matrix(counts), counts.sum(axis=1))
    r = x.T @ x / len(x)
    np.fill_diagonal(r, 0)
    ratios = proportionality(log)
    centrality = np.square(loadings).sum(axis=1) / varies
    return {
        "loadings": loadings,
        "centrality": centrality,
        "mean": log.mean(axis=0),
        "detection": (counts > 0).mean(axis=0),
        "graph": top_pairs(loadings @ loadings.T),
        "pearson": top_pairs(np.abs(r)),
        "corrected": top_pairs(fitted.z),
        "proportionality": top_pairs(ratios.rho),
        "similar": {
            "sivae": loadings @ loadings.T,
            "pca": loadings @ loadings.T,
            "pearson": np.abs(r),
            "corrected": fitted.z,
            "proportionality": ratios.rho,
        },
        "connectivity": {
            "pearson": np.square(r).mean(axis=0),
            "corrected": fitted.connectivity(),
            "proportionality": ratios.connectivity(),
        },
    }


def nearest_genes(similar, genes, count=12):
    """Return gene, rank, neighbour."""
    near = nearest(similar, count)
    ranks = np.tile(np.arange(1, count + 1), len(genes))
    return pd.DataFrame({"gene": np.repeat(genes, count), "rank": ranks, "neighbour": genes[near.ravel()]})


def models_of(drawn, seed=0, *, bins=1, halves=True):
    """Return line -> bin name -> model of a drawn study of lines."""
    counts = sparse.vstack([block for _, block in drawn.blocks()]).toarray()
    rng, models = np.random.default_rng(seed), {}
    for line in drawn.lines["line"]:
        line_counts = counts[(drawn.obs["line"] == line).to_numpy()]
        order = rng.permutation(len(line_counts))
        parts = {str(at): part for at, part in enumerate(np.array_split(order, bins))}
        if halves and bins == 1:
            parts |= dict(zip(("half-a", "half-b"), np.array_split(order, 2), strict=True))
        models[line] = {name: pca_model(line_counts[cells]) for name, cells in parts.items()}
    return models


def write(folder, settings=SMALL, seed=0, *, bins=1, halves=True, lines=None):
    """Write the results of a drawn study below `folder`; return the drawn study and the table of lines."""
    folder = Path(folder)
    drawn = lines_study(settings, seed)
    genes = drawn.genes["gene"].to_numpy()
    for line, parts in models_of(drawn, seed, bins=bins, halves=halves).items():
        write_line(folder / line, genes, parts)
    table = drawn.lines.assign(
        name=drawn.lines["line"], study="lines", n_cells=settings.cells, n_bins=bins,
        bin_cells=settings.cells // bins, discarded=0, job="job-0", status="ok",
    )  # fmt: skip
    table = table if lines is None else lines(table)
    files.write_tsv(table, folder / "lines.tsv")
    return drawn, table


def write_line(folder, genes, parts):
    """Write one line's files."""
    data = anndata.AnnData(obs=pd.DataFrame(index=pd.Index(genes, name="gene")))
    rows, near, graphs = [], [], {name: [] for name in GRAPHS.values()}
    for name, model in parts.items():
        data.obsm[f"bin-{name}"] = data.obsm[f"pca-{name}"] = model["loadings"]
        shown = {key: model[key] for key in ("centrality", "mean", "detection")}
        for kind in GRAPHS:
            columns = {"bin": name, "model": kind, "gene": genes, "centrality_heldout": model["centrality"]}
            if kind in model["connectivity"]:
                columns["centrality_heldout"] = np.nan
                shown["centrality"] = model["connectivity"][kind]
            rows.append(pd.DataFrame(columns | shown))
            if name not in HALVES:
                near.append(nearest_genes(model["similar"][kind], genes).assign(bin=name, model=kind))
        graphs["graph.npz"].append(model["graph"])
        graphs["graph_pca.npz"].append(model["graph"])
        for kind in model["connectivity"]:
            graphs[GRAPHS[kind]].append(model[kind])
    folder.mkdir(parents=True)
    files.write_tsv(pd.DataFrame({"bin": list(parts), "collapsed": False}), folder / "models.tsv")
    data.write_h5ad(folder / "embedding.h5ad")
    files.write_tsv(pd.concat(rows), folder / "genes.tsv.gz")
    files.write_tsv(pd.concat(near), folder / "neighbours.tsv.gz")
    for name, stacked in graphs.items():
        files.write_csr(sparse.vstack(stacked, format="csr"), folder / name)
