"""Calibration of the p-values of gene programmes: how often they are below .05 where nothing is there.

- `entries`: panclusters each with groups of genes of their own: the share of six entries that explain more
  than the chance that is measured in the data, times the factor of the configuration.
- `samples`: cells of eight samples of one kind with four planted modules, that differ by chance only, in two
  groups of samples; level, activity and connectivity, from counts to p (`compare_samples`).
- `preservation`: random groups of genes of the collection's real cells (`--cells`), with real correlations.
- `sets`: groups of 40 genes of `--cells` tested against the gene sets of `--gmt`.

Groups are of random genes (`uniform`), and of genes drawn by the square of their detection (`detected`), as
the genes of entries are often well detected. `expected` is the share of p below .05 that the hypergeometric
test attains with sets of these sizes.

Standard errors are over repeats (`samples`, `preservation`) or groups (`sets`). The last line printed is one
JSON object.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

GENES, MODULES, SIZE = 200, 4, 12


def share(values: list[float]) -> dict[str, float]:
    """Return the mean of shares, and its standard error."""
    found = np.array(values)
    return {"below": float(found.mean()), "se": float(found.std(ddof=1) / np.sqrt(len(found)))}


def of_entries(repeats: int, seed: int) -> dict:
    """Return the share of entries above chance where panclusters share no groups of genes."""
    from dictionary_scale import simulate

    from panscape.coscape.dictionary.elbow import grown_elbow_table
    from panscape.coscape.dictionary.pair_index import PairIndex
    from panscape.coscape.dictionary.settings import DictionarySettings

    settings, values = DictionarySettings(), []
    for repeat in range(repeats):
        stack, _ = simulate(40, 6000, 6, seed + repeat)
        rng = np.random.default_rng([seed, repeat])
        ends = PairIndex.of(stack.gene_a, stack.gene_b)
        names = rng.permuted(np.tile(np.arange(ends.n_genes), (stack.data.shape[0], 1)), axis=1)
        row = np.repeat(np.arange(stack.data.shape[0]), np.diff(stack.data.indptr))
        pair = np.sort(
            [names[row, ends.first[stack.data.indices]], names[row, ends.second[stack.data.indices]]], axis=0
        )
        code, column = np.unique(pair[0] * ends.n_genes + pair[1], return_inverse=True)
        data = sparse.csr_matrix((stack.data.data, (row, column)), shape=(len(names), len(code)))
        index = PairIndex(*np.divmod(code, ends.n_genes), ends.n_genes)
        options = {"alpha": settings.alpha, "factor": settings.elbow_factor, "starts": 1}
        table = grown_elbow_table(data, index, range(1, 7), seed=repeat, **options)
        values.append(float((table["gain"] > table["needed"]).mean()))
    return {"entries": share(values)}


def of_samples(repeats: int, seed: int) -> dict:
    """Return the share of p below .05 of samples without a difference, by measure."""
    import anndata

    from panscape.coscape.cells import MemoryCounts
    from panscape.coscape.dictionary.samples import compare_samples, sample_table
    from panscape.coscape.dictionary.scores import scores_to_anndata, study_scores
    from panscape.coscape.dictionary.write import ASIDE, SavedDictionary

    genes = np.array([f"g{at:03d}" for at in range(GENES)], dtype=object)
    names = [f"entry-{at + 1:02d}" for at in range(MODULES)]
    inside = np.stack(np.triu_indices(SIZE, 1), axis=1)
    ends = np.concatenate([inside + SIZE * at for at in range(MODULES)])
    row = np.repeat(np.arange(MODULES), len(inside))
    edges = sparse.csr_matrix((np.ones(len(row)), (row, np.arange(len(row)))), shape=(MODULES, len(row)))
    var = pd.DataFrame({"gene_a": genes[ends[:, 0]], "gene_b": genes[ends[:, 1]]})
    data = anndata.AnnData(edges, obs=pd.DataFrame(index=names), var=var.set_axis(var.index.astype(str)))
    data.layers["edges"], data.obsm["usage"] = edges, np.ones((MODULES, 1))
    data.uns = {"panclusters": np.array(["s-all"]), "genes": genes, ASIDE: pd.DataFrame(), "error": 0.2}
    saved = SavedDictionary(data)
    clusters = pd.DataFrame({"cluster": ["s-all"], "study": "s", "n_cells": 1, "parent": ""})
    found: dict[str, list[float]] = {}
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        cells, sample = 8 * 80, np.repeat([f"p{at}" for at in range(8)], 80)
        log = np.tile(rng.normal(-0.5, 0.5, GENES), (cells, 1))
        # samples differ in depth and in the mean of every module, as people do, but not by group
        shift = rng.normal(0, 0.3, (8, MODULES))[np.repeat(np.arange(8), 80)]
        strength = np.clip(rng.normal(0.5, 0.1, (8, MODULES)), 0.1, 0.9)[np.repeat(np.arange(8), 80)]
        for at in range(MODULES):
            part, weight = slice(at * SIZE, (at + 1) * SIZE), strength[:, [at]]
            log[:, part] += np.sqrt(weight) * rng.standard_normal((cells, 1)) + shift[:, [at]]
            log[:, part] += np.sqrt(1 - weight) * rng.standard_normal((cells, SIZE))
        depth = np.exp(rng.normal(0, 0.4, 8))[np.repeat(np.arange(8), 80)]
        counts = sparse.csr_matrix(rng.poisson(np.exp(log) * depth[:, None]).astype(np.float32))
        obs = pd.DataFrame({"sample": sample}, index=[f"c{at}" for at in range(cells)])
        source = MemoryCounts(counts, obs, pd.DataFrame(index=genes))
        scored = study_scores(source, clusters, sparse.csr_matrix(np.ones((1, cells))), saved, "sample")
        table = sample_table([("s", scores_to_anndata(scored, source, clusters, names))], "sample", [])
        group = dict(zip([f"p{at}" for at in range(8)], rng.permutation(["a", "b"] * 4), strict=True))
        table = table.assign(group=table["sample"].map(group))
        result = compare_samples(table, ["group"], permutations=199, seed=repeat)
        for measure, part in result.groupby("measure"):
            found.setdefault(measure, []).append(float((part["pvalue"] <= 0.05).mean()))
    return {f"samples {measure}": share(values) for measure, values in found.items()}


def real_cells(paths: list[Path]):
    """Return the genes, the correlations of all cells and the detection of counts files, of 1,000 genes."""
    import anndata

    tables = [anndata.read_h5ad(path) for path in paths]
    genes = sorted(set.intersection(*(set(table.var_names) for table in tables)))
    whole = sparse.vstack([table[:, genes].X for table in tables]).tocsr()
    depth = np.asarray(whole.sum(axis=1)).ravel()
    spread = np.asarray(whole.multiply(whole).mean(axis=0)).ravel() / np.maximum(
        np.asarray(whole.mean(axis=0)).ravel(), 1e-9
    )
    chosen = np.sort(np.argsort(-spread)[:1000])
    values = np.log1p(whole[:, chosen].toarray() / depth[:, None] * np.median(depth))
    values -= values.mean(axis=0)
    values /= np.maximum(np.linalg.norm(values, axis=0), 1e-9)
    correlation = values.T @ values
    np.fill_diagonal(correlation, 0)
    names = np.array(genes, dtype=object)[chosen]
    return names, correlation, np.asarray((whole[:, chosen] > 0).mean(axis=0)).ravel()


def of_preservation(correlation, detection, repeats: int, seed: int) -> dict:
    """Return the share of p below .05 of random groups of genes, uniform and of well-detected genes."""
    from panscape.coscape.dictionary.preservation import preservation

    found: dict[str, list[float]] = {"uniform": [], "detected": []}
    for repeat in range(repeats):
        for how, values in found.items():
            rng = np.random.default_rng([seed, repeat])
            members = np.zeros((len(detection), 4), dtype=bool)
            weight = np.ones(len(detection)) if how == "uniform" else detection**2
            drawn = rng.choice(len(detection), 80, replace=False, p=weight / weight.sum())
            members[drawn, np.repeat(np.arange(4), 20)] = True
            kme = rng.uniform(0.1, 0.6, members.shape)
            table = preservation(correlation, kme, members, detection, permutations=99, rng=rng)
            values.append(float((table["pvalue"] <= 0.05).mean()))
    return {f"preservation {how}": share(values) for how, values in found.items()}


def of_sets(genes, detection, gmt: Path, repeats: int, seed: int) -> dict:
    """Return the share of p below .05 of random groups of genes against gene sets."""
    from scipy.stats import hypergeom

    from panscape.coscape.dictionary.enrich import overrepresented_sets
    from panscape.data.gene_sets import read_gene_sets, restrict

    sets = restrict(read_gene_sets(gmt), genes, library="sets", min_size=10)
    size = np.diff(sets.member.indptr)
    reach = np.arange(41)
    tails = hypergeom.sf(reach[:, None] - 1, len(genes), size, 40)
    expected = np.where(tails < 0.05, tails, 0).max(axis=0).mean()
    rows = {"sets expected": {"below": float(expected), "se": 0.0}}
    for how, weight in (("uniform", np.ones(len(genes))), ("detected", detection**2)):
        values = []
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            drawn = rng.choice(len(genes), 40, replace=False, p=weight / weight.sum())
            table = overrepresented_sets(genes[drawn], sets)
            values.append(float((table["pvalue"] < 0.05).mean()))
        rows[f"sets {how}"] = share(values)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=Path, nargs="*", default=[], help="h5ad files of counts")
    parser.add_argument("--gmt", type=Path, help="gene sets of the same species")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = of_entries(args.repeats, args.seed) | of_samples(args.repeats, args.seed)
    print(rows, flush=True)
    if args.cells:
        genes, correlation, detection = real_cells(args.cells)
        rows |= of_preservation(correlation, detection, args.repeats, args.seed)
        if args.gmt:
            rows |= of_sets(genes, detection, args.gmt, args.repeats, args.seed)
    print(rows, flush=True)
    print(json.dumps({"benchmark": "programs_calibration", "repeats": args.repeats, "rows": rows}))


if __name__ == "__main__":
    main()
