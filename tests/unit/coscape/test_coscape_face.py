"""The functions on AnnData give what the workflow's give on its files."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape import coscape, seeds
from panscape.coscape import reference
from panscape.coscape.cells import MemoryCounts, read_counts
from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.coexpression.signal import Signal, choose_pairs
from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import read_stack
from panscape.coscape.dictionary.write import dictionary_to_anndata, read_dictionary
from panscape.coscape.landscape.build import compute_landscape
from panscape.coscape.landscape.read import add_scores, read_study
from panscape.coscape.landscape.write import landscape_to_anndata
from panscape.coscape.overlap.scores import overlap_table
from panscape.coscape.overlap.targets import MAIN, union_graph
from panscape.coscape.panclust.pancluster import pancluster
from panscape.coscape.project.collection import project_studies
from panscape.data import files
from panscape.data.counts import CountsWriter
from panscape.data.edge_lists import read_network
from panscape.errors import UserError
from panscape.pipeline.provenance.closure import Code

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow/scripts"
SEED = 5
PANCLUST = {"min_cells": 25, "n_components": 10}
COEXPRESSION = {"eta": 0.15, "min_expected": 1}
LANDSCAPE = {
    "n_neighbors": 5,
    "top_pairs": 150,
    "permutations": 19,
    "bootstraps": 20,
    "layout_iterations": 20,
    "min_expected": 1,
}
DICTIONARY = {"k_range": (2, 4), "starts": 2, "max_iter": 20, "min_panclusters": 2, "pair_support": 2}
GENES = [f"g{at}" for at in range(24)]
PARTS = {
    "counts": "preprocess/{}/counts.h5ad",
    "clusters": "panclust/{}/clusters.tsv",
    "members": "panclust/{}/members.npz",
    "matrices": "coexpression/{}/matrices.npz",
    "pairs": "coexpression/{}/pairs.tsv",
    "expression": "coexpression/{}/expression.h5ad",
}


def cells_of(name, seed, n_cells=300):
    """Return AnnData of raw counts: three types, two modules of genes whose activity varies in each."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n_cells)
    profile = np.random.default_rng(0).gamma(2, 1, size=(3, len(GENES) + 6))
    activity = rng.gamma(1.0, 1.0, size=(n_cells, 2))
    rate = profile[kind]
    rate[:, :8] *= activity[:, :1]
    rate[:, 8:16] *= activity[:, 1:]
    obs = pd.DataFrame({"study": name, "age": kind + rng.integers(0, 2, n_cells).astype(float)})
    obs["cell_type"] = np.array(["a", "b", "c"])[kind]
    obs.index = [f"{name}-{at}" for at in range(n_cells)]
    var = pd.DataFrame(index=[*GENES, *(f"other{at}" for at in range(6))])
    counts = rng.poisson(rate).astype(np.float32)
    return anndata.AnnData(sparse.csr_matrix(counts), obs=obs, var=var)


def run_study(folder, name, data):
    """Run the stages of one study through files and return their paths."""
    paths = {part: folder / pattern.format(name) for part, pattern in PARTS.items()}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    with CountsWriter(paths["counts"], data.n_vars) as writer:
        writer.append(data.X)
        totals = np.asarray(data.X.sum(axis=1, dtype=np.float64)).ravel()
        writer.finish(data.obs.assign(n_counts=totals), data.var)
    clusters, members = pancluster(paths["counts"], GENES, PANCLUST, SEED, study=name)
    files.write_tsv(clusters, paths["clusters"])
    files.write_csr(members, paths["members"])
    clusters = files.read_tsv(paths["clusters"], dtype={"cluster": str, "study": str, "parent": str})
    seed = seeds.derive(SEED, "coexpression", name)
    result = coexpress(paths["counts"], GENES, clusters, members, COEXPRESSION, signal=True, seed=seed)
    files.write_csr(result.matrix, paths["matrices"])
    files.write_csr(result.signal.stored(), paths["matrices"].with_name("signal.npz"))
    files.write_tsv(result.pairs, paths["pairs"])
    result.expression.write_h5ad(paths["expression"])
    return paths


def scored(folder, name, paths, names):
    """Choose the pairs of a collection, score them in a study and return it with these scores."""
    signals = [files.read_csr(paths[other]["matrices"].with_name("signal.npz")) for other in names]
    chosen = choose_pairs([Signal.of_stored(part, GENES) for part in signals], GENES, LANDSCAPE["top_pairs"])
    files.write_tsv(chosen, folder / reference.SIGNAL_PAIRS)
    scores = score_study(
        paths[name]["counts"], GENES, files.read_csr(paths[name]["members"]), chosen, min_expected=1
    )
    path = paths[name]["matrices"].with_name("scores.npz")
    files.write_csr(scores, path)
    return add_scores([read_study(name, **paths[name])], [path], folder / reference.SIGNAL_PAIRS)[0]


@pytest.fixture(scope="module")
def data():
    return {name: cells_of(name, at) for at, name in enumerate(("one", "two", "new"))}


@pytest.fixture(scope="module")
def through_files(data, tmp_path_factory):
    """Return the folder of results, as the rules make them, and the paths of every study."""
    folder = tmp_path_factory.mktemp("results")
    paths = {name: run_study(folder, name, cells) for name, cells in data.items()}
    old = [name for name in paths if name != "new"]
    studies = [scored(folder, name, paths, old) for name in old]
    (folder / "landscape").mkdir()
    (folder / "dictionary").mkdir()
    landscape = folder / reference.LANDSCAPE
    landscape_to_anndata(compute_landscape(studies, LANDSCAPE, SEED)).write_h5ad(landscape)
    settings = DictionarySettings.of(DICTIONARY)
    stack = read_stack(
        landscape,
        *([paths[name][part] for name in old] for part in ("clusters", "matrices", "pairs")),
        settings,
    )
    elbow = stack_elbow(stack, settings, SEED)
    choice, learned = learn_stack(stack, int(elbow.loc[elbow["suggested"], "k"].iloc[0]), settings, SEED)
    config = {"format": reference.FORMAT, "studies": old, "panclust": {}, "dictionary": DICTIONARY}
    result = dictionary_to_anndata(learned, stack, choice, DICTIONARY, config)
    result.write_h5ad(folder / reference.DICTIONARY)
    return folder, paths


@pytest.fixture(scope="module")
def in_memory(data):
    """Return the studies, landscape and dictionary of the functions on AnnData."""
    studies = {}
    for name, cells in data.items():
        clusters, members = coscape.find_panclusters(cells, GENES, PANCLUST, seed=SEED)
        studies[name] = coscape.estimate_coexpression(
            cells, clusters, members, GENES, seed=SEED, **COEXPRESSION
        )
    landscape = coscape.build_landscape([studies["one"], studies["two"]], LANDSCAPE, seed=SEED)
    return studies, landscape, coscape.learn_dictionary(landscape, DICTIONARY, seed=SEED)


def test_studies_are_those_of_the_files(through_files, in_memory):
    for name, paths in through_files[1].items():
        expected, study = read_study(name, **paths), in_memory[0][name]
        assert (study.matrix != expected.matrix).nnz == 0 and (study.members != expected.members).nnz == 0
        np.testing.assert_array_equal(study.pairs, expected.pairs)
        for part in ("expression", "mean", "detection"):
            np.testing.assert_array_equal(getattr(study, part), getattr(expected, part))
        names = list(expected.clusters)
        assert list(study.clusters) == names and list(study.clusters["cluster"]) == list(
            expected.clusters["cluster"]
        )


def test_landscape_is_that_of_the_files(through_files, in_memory):
    expected, landscape = anndata.read_h5ad(through_files[0] / reference.LANDSCAPE), in_memory[1]
    np.testing.assert_array_equal(landscape.X, expected.X)
    np.testing.assert_array_equal(landscape.obs["dpt_pseudotime"], expected.obs["dpt_pseudotime"])
    np.testing.assert_array_equal(landscape.obsm["X_draw_graph_fa"], expected.obsm["X_draw_graph_fa"])
    assert (landscape.obsp["connectivities"] != expected.obsp["connectivities"]).nnz == 0
    assert landscape.obsm["coexpression"].shape == (len(expected), len(landscape.uns["coexpression_pairs"]))
    assert {"gene", "rho"} <= set(landscape.uns["genes"]) and len(landscape.uns["pairs"])


def test_dictionary_is_that_of_the_files(through_files, in_memory, tmp_path):
    expected, dictionary = anndata.read_h5ad(through_files[0] / reference.DICTIONARY), in_memory[2]
    assert (dictionary.X != expected.X).nnz == 0
    np.testing.assert_array_equal(dictionary.obsm["usage"], expected.obsm["usage"])
    assert list(dictionary.uns["panclusters"]) == list(expected.uns["panclusters"])
    assert dictionary.uns["elbow"]["suggested"].sum() == 1
    # a landscape can be written and read in between
    in_memory[1].write_h5ad(tmp_path / "landscape.h5ad")
    again = coscape.learn_dictionary(tmp_path / "landscape.h5ad", DICTIONARY, seed=SEED, k=dictionary.n_obs)
    assert (again.X != dictionary.X).nnz == 0 and "elbow" not in again.uns


def test_overlap_is_that_of_the_files(through_files, in_memory, tmp_path):
    edges = [(GENES[a], GENES[b]) for at in (0, 8) for a in range(at, at + 8) for b in range(a + 1, at + 8)]
    path = tmp_path / "known.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in edges))
    saved = read_dictionary(through_files[0] / reference.DICTIONARY)
    graph = union_graph(saved.edges, saved.gene_a, saved.gene_b, saved.genes)
    expected = overlap_table({MAIN: graph}, [read_network(path, "known")], saved.genes, seed=SEED)
    table = coscape.score_overlap(in_memory[2], {"known": edges}, seed=SEED)
    shared = [name for name in expected if name not in ("target", "matched")]
    pd.testing.assert_frame_equal(table, expected.loc[~expected["matched"], shared].reset_index(drop=True))
    by_path = coscape.score_overlap(through_files[0] / reference.DICTIONARY, {"known": path}, seed=SEED)
    pd.testing.assert_frame_equal(by_path, table)
    assert table["z"].iloc[0] > 2


def test_projection_is_that_of_the_files(through_files, in_memory):
    folder, paths = through_files
    studies, landscape, dictionary = in_memory
    scores = score_study(
        paths["new"]["counts"], GENES, files.read_csr(paths["new"]["members"]),
        files.read_tsv(folder / reference.SIGNAL_PAIRS), min_expected=1,
    )  # fmt: skip
    files.write_csr(scores, folder / "scores.npz")
    expected = project_studies(folder, {"new": {**paths["new"], "scores": folder / "scores.npz"}})
    placed = coscape.project_panclusters(studies["new"], landscape, dictionary)
    pd.testing.assert_frame_equal(placed, expected)
    by_path = coscape.project_panclusters([studies["new"]], landscape, folder / reference.DICTIONARY)
    pd.testing.assert_frame_equal(by_path, expected)


def test_counts_may_be_a_path_a_layer_or_dense(data, through_files, tmp_path):
    cells = data["one"]
    layered = anndata.AnnData(cells.X.copy(), obs=cells.obs, var=cells.var, layers={"raw": cells.X.toarray()})
    layered.X = layered.X.log1p()
    layered.write_h5ad(tmp_path / "layered.h5ad")
    expected = coscape.find_panclusters(cells, GENES, PANCLUST, seed=SEED)[1]
    prepared = through_files[1]["one"]["counts"]
    assert not isinstance(read_counts(prepared), MemoryCounts)  # it is read in blocks
    for given, layer in ((layered, "raw"), (tmp_path / "layered.h5ad", "raw"), (str(prepared), None)):
        members = coscape.find_panclusters(given, GENES, PANCLUST, layer=layer, seed=SEED)[1]
        assert (members != expected).nnz == 0
    with pytest.raises(UserError, match="negative or fractional"):
        coscape.find_panclusters(layered, GENES)
    with pytest.raises(UserError, match="no layer 'counts' -> its layers are: raw"):
        coscape.find_panclusters(layered, GENES, layer="counts")


def test_blocks_of_counts_in_memory_are_those_of_the_file(data, through_files):
    stored, memory = read_counts(through_files[1]["one"]["counts"]), read_counts(data["one"])
    blocks = zip(stored.blocks(500), memory.blocks(500), strict=True)
    for (rows, block), (same, other) in blocks:
        assert rows == same and (block != other).nnz == 0
    assert (stored.select(GENES[:3]) != memory.select(GENES[:3])).nnz == 0
    assert stored.obs["n_counts"].tolist() == memory.obs["n_counts"].tolist()


def test_mistakes_are_explained(data, in_memory, through_files):
    studies, _, dictionary = in_memory
    with pytest.raises(UserError, match=r"panclust.min_cell: unknown setting -> did you mean 'min_cells'"):
        coscape.find_panclusters(data["one"], min_cell=3)
    with pytest.raises(
        UserError, match=r"landscape.neighbors: unknown setting -> did you mean 'n_neighbors'"
    ):
        coscape.build_landscape([studies["one"]], {"neighbors": 3})
    with pytest.raises(UserError, match=r"overlap.rewiring: unknown setting -> did you mean 'rewirings'"):
        coscape.score_overlap(dictionary, {"a": [("g1", "g2")]}, rewiring=3)
    nameless = data["one"].copy()
    del nameless.obs["study"]
    with pytest.raises(UserError, match="name the study"):
        coscape.find_panclusters(nameless)
    with pytest.raises(UserError, match="has no obsm 'coexpression'"):
        coscape.learn_dictionary(through_files[0] / reference.LANDSCAPE)
    twice = data["one"].copy()
    twice.var_names = ["g1"] * twice.n_vars
    with pytest.raises(UserError, match="has gene g1 more than once"):
        coscape.find_panclusters(twice)


def test_settings_may_be_objects_and_keywords(data):
    settings = coscape.PanclustSettings(min_cells=25)
    table, _ = coscape.find_panclusters(data["one"], GENES, settings, algorithm="leiden", seed=SEED)
    same, _ = coscape.find_panclusters(data["one"], GENES, min_cells=25, algorithm="leiden", seed=SEED)
    pd.testing.assert_frame_equal(table, same)


def test_scripts_do_not_depend_on_the_face():
    code = Code()
    for script in ("find_panclusters", "build_landscape", "learn_dictionary", "project_panclusters"):
        modules = set(code.reached(SCRIPTS / f"{script}.py").modules)
        assert modules and not {name for name in modules if name.startswith("panscape.coscape.api_")}, script
        assert "panscape.coscape" not in modules, script
