"""Groups of genes and their scores by one method, in a process of its own, for the benchmark of programmes.

    PYTHON benchmarks/_programs.py METHOD FOLDER K SEED

PYTHON is the interpreter that has the method's package: this file imports panscape only for panscape's own
dictionary. FOLDER has the counts of every study, STUDY.h5ad, and genes.txt, the genes to analyse. It writes
METHOD.json there: group of every gene ("" for none), of panscape the groups whose genes mark types of cells
(`identity`) and the placed genes that fall when their group rises (`falls`), seconds of
processor time of the method itself and peak memory in MB; and METHOD.npz: scores, cells of all studies x
groups. K is the number of components of the methods that have no choice of their own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["MPLBACKEND"] = "agg"

import numpy as np  # noqa: E402 (after the number of threads is set)
import pandas as pd  # noqa: E402

WITHIN = " within"  # panscape's second score of an entry
Groups = tuple[list[str], dict[str, list[str]], pd.DataFrame]  # group of every gene, lists of some, scores
PACKAGES = {"hdwgcna": "py_hdWGCNA", "nmf": "sklearn", "panscape": "panscape"}


def read(folder: Path):
    """Return the counts of all studies, of the genes to analyse, as AnnData with obs study."""
    import anndata

    genes = (folder / "genes.txt").read_text().split()
    tables = {path.stem: anndata.read_h5ad(path)[:, genes] for path in sorted(folder.glob("*.h5ad"))}
    return anndata.concat(tables, label="study")


def panscape(folder: Path, k: int, seed: int) -> Groups:
    """Return the programme of every gene, from cells; k is not used."""
    from panscape.coscape.api_landscape import estimate_coexpression, find_panclusters
    from panscape.coscape.dictionary.arms import join_entries, with_programmes
    from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow
    from panscape.coscape.dictionary.membership import place_genes, program_table
    from panscape.coscape.dictionary.scores import study_scores
    from panscape.coscape.dictionary.settings import DictionarySettings
    from panscape.coscape.dictionary.stack import make_stack
    from panscape.coscape.dictionary.write import SavedDictionary, dictionary_to_anndata
    from panscape.coscape.landscape.combine import combine_studies
    from panscape.data.counts import Counts

    genes = (folder / "genes.txt").read_text().split()
    settings = DictionarySettings()
    paths = sorted(folder.glob("*.h5ad"))
    studies, members = [], []
    for path in paths:
        how = json.loads((folder / "panclust.json").read_text())
        table, inside = find_panclusters(path, genes, how, study=path.stem, seed=seed)
        studies.append(estimate_coexpression(path, table, inside, genes, signal=False, seed=seed))
        members.append((table, inside))
    combined = combine_studies(studies)
    stack = make_stack(combined, combined.clusters.set_index("cluster"), settings)
    table = stack_elbow(stack, settings, seed)
    number = int(table.loc[table["suggested"], "k"].iloc[0])
    choice, learned = learn_stack(stack, number, settings, seed)
    saved = SavedDictionary(dictionary_to_anndata(learned, stack, choice, {}))
    parts, values = [], []
    for path, (clusters, inside) in zip(paths, members, strict=True):
        scored = study_scores(Counts(path), clusters, inside, saved)
        parts.append(scored.membership)
        values.append(np.hstack([scored.total, scored.within]))
    placed, membership = place_genes(parts, saved.genes, saved.names)
    known = program_table(parts, placed, saved.names)
    lists = {"identity": known.loc[known["kind"] == "identity", "entry"].tolist()}
    mine = with_programmes(placed, join_entries(placed, membership, known)).set_index("gene")
    lists["falls"] = mine.index[mine["direction"] == "falls"].tolist()
    group = mine["programme"].reindex(genes).fillna("").tolist()
    return (
        group,
        lists,
        pd.DataFrame(
            np.concatenate(values), columns=[*saved.names, *(f"{name}{WITHIN}" for name in saved.names)]
        ),
    )


def nmf(folder: Path, k: int, seed: int) -> Groups:
    """Return the components of log counts: each gene is in the one with the most of its weight."""
    from sklearn.decomposition import NMF

    data = read(folder)
    counts = data.X.toarray().astype(np.float64)
    values = np.log1p(counts * (np.median(counts.sum(axis=1)) / counts.sum(axis=1, keepdims=True)))
    spread = values.std(axis=0)
    values /= np.where(spread > 0, spread, 1)
    model = NMF(k, init="nndsvda", random_state=seed, max_iter=100)
    scores = model.fit_transform(values)
    weights = model.components_ / model.components_.sum(axis=0, keepdims=True).clip(1e-12)
    names = [f"component-{at + 1}" for at in range(k)]
    group = [names[at] for at in weights.argmax(axis=0)]
    return group, {}, pd.DataFrame(scores, columns=names)


def hdwgcna(folder: Path, k: int, seed: int) -> Groups:
    """Return hdWGCNA's modules of metacells by study, with its harmonised eigengenes; k is not used.

    Its defaults, but for modules of at least ten genes (fifty would be larger than the planted ones).
    """
    from py_hdWGCNA import HDWGCNA
    from sklearn.decomposition import PCA

    data = read(folder)
    genes = list(data.var_names)
    depth = np.asarray(data.X.sum(axis=1)).ravel()
    data.X = data.X.multiply(1e4 / np.maximum(depth, 1)[:, None]).tocsr()
    data.X.data = np.log1p(data.X.data)
    data.obs_names_make_unique()
    np.random.seed(seed)  # noqa: NPY002 (hdWGCNA draws from it)
    data.obsm["X_pca"] = data.obsm["pca"] = PCA(30, random_state=seed).fit_transform(data.X.toarray())
    work = HDWGCNA(data)
    work.setup_for_wgcna(gene_select="custom", genes_use=genes, wgcna_name="all")
    work.metacells_by_groups(group_by=["study"], reduction="pca", ident_group="study", target_metacells=1000)
    work.normalize_metacells()
    work.set_dat_expr(group_name=list(data.obs["study"].unique()), group_by="study")
    work.test_soft_powers()
    work.construct_network(minModuleSize=10)
    work.module_eigengenes(group_by_vars="study", harmonize=False)
    from py_hdWGCNA.modules import get_mes, get_modules

    table, scores = get_modules(work.adata), get_mes(work.adata)
    name = next(column for column in ("gene_name", "gene") if column in table)
    module = table.set_index(name)["module"].astype(str).reindex(genes).fillna("grey")
    scores = scores.reindex(work.adata.obs_names)
    return module.where(module != "grey", "").tolist(), {}, scores[[c for c in scores if c != "grey"]]


METHODS = {"panscape": panscape, "hdwgcna": hdwgcna, "nmf": nmf}


def main() -> None:
    """Run one method and write its groups, or that its package is missing."""
    name, folder, k, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if name == "panscape":
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
    try:
        __import__(PACKAGES[name])
    except ImportError:
        (folder / f"{name}.json").write_text(json.dumps({"missing": f"{PACKAGES[name]} is not installed"}))
        return
    begin = time.process_time()
    group, lists, scores = METHODS[name](folder, k, seed)
    spent = time.process_time() - begin
    np.savez_compressed(folder / f"{name}.npz", scores=scores.to_numpy(np.float32), names=list(scores))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {"group": list(map(str, group)), "identity": [], "falls": [], "cpu_s": spent, "peak_mb": peak}
    result |= lists
    (folder / f"{name}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
