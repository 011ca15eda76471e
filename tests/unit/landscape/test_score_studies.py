"""From studies in memory to their scores."""

from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape import coscape
from panscape.coscape.coexpression.signal import Signal, choose_pairs
from panscape.coscape.landscape.read import read_chosen
from panscape.coscape.landscape.score_studies import score_studies
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.data.files import write_tsv
from panscape.errors import UserError

GENES = [f"g{at}" for at in range(12)]


def cells_of(name, n_cells=240):
    rng = np.random.default_rng(len(name))
    kind = rng.integers(0, 3, n_cells)
    rate = 3 * rng.gamma(1, 1, (n_cells, 2)).repeat(6, axis=1) * np.linspace(0.3, 2, 36).reshape(3, 12)[kind]
    obs = pd.DataFrame({"study": name, "age": kind + rng.random(n_cells)})
    obs.index = [f"{name}{at}" for at in range(n_cells)]
    counts = sparse.csr_matrix(rng.poisson(rate).astype(np.float32))
    return anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=GENES))


def study(name, min_cells=25, **settings):
    cells = cells_of(name)
    clusters, members = coscape.find_panclusters(cells, min_cells=min_cells, n_components=5)
    return coscape.estimate_coexpression(cells, clusters, members, **settings)


@pytest.fixture(scope="module")
def two():
    return [study("one"), study("second")]


def test_pairs_of_most_signal_are_scored_in_every_study(two):
    settings = LandscapeSettings(top_pairs=20)
    scored = score_studies(two, settings, threads=2)
    signals = [Signal.of_stored(part.source.signal, GENES) for part in two]
    chosen = choose_pairs(signals, GENES, 20)
    for part in scored:
        assert part.scores.matrix.shape == (len(part.clusters), 20)
        np.testing.assert_array_equal(np.array(GENES)[part.scores.pairs[:, 0]], chosen["gene_a"])
        np.testing.assert_array_equal(part.scores.weight, chosen["weight"])
        np.testing.assert_array_equal(part.scores.size, part.clusters["n_cells"])
        assert np.abs(part.scores.matrix.data).max() <= 1
    again = score_studies(scored, settings)
    assert all(one is other for one, other in zip(again, scored, strict=True))
    alone = score_studies(two, replace(settings, distance="thresholded"))
    assert all(part.scores is None for part in alone)


@pytest.mark.parametrize("estimator", ["spearman", "corrected"])
def test_other_estimators_are_scored_by_themselves(estimator):
    (scored,) = score_studies([study("one", estimator=estimator)], LandscapeSettings())
    (pearson,) = score_studies([study("one")], LandscapeSettings())
    assert scored.scores.matrix.nnz > 0
    same = scored.scores.matrix.shape == pearson.scores.matrix.shape and np.array_equal(
        scored.scores.matrix.toarray(), pearson.scores.matrix.toarray()
    )
    assert same == (estimator == "spearman")  # pairs of Spearman's matrices have Pearson's scores


def test_what_is_missing_is_said(two):
    bare = [study("one", signal=False), two[1]]
    with pytest.raises(UserError, match=r"study 'one': has no signal.*signal=True"):
        coscape.build_landscape(bare)
    with pytest.raises(UserError, match=r"is 3, but the coexpression of study 'one' was estimated with 10"):
        coscape.build_landscape(two, min_expected=3)
    with pytest.raises(UserError, match="none of the 66 pairs of 12 genes has signal: in no pancluster"):
        score_studies([study("one", min_expected=1000)], LandscapeSettings(min_expected=1000))


def test_settings_without_effect_are_said(two, caplog):
    with caplog.at_level("WARNING"):
        coscape.build_landscape(
            two, eta=0.3, n_neighbors=4, permutations=0, bootstraps=0, layout_iterations=2
        )
    said = [record.getMessage() for record in caplog.records]
    assert any(text.startswith("landscape.eta: 0.3 does not change the distance") for text in said)


def test_few_clusters_and_few_pairs():
    alone = [study(name, min_cells=240) for name in ("one", "other", "another")]  # a cluster each
    quick = {"permutations": 0, "bootstraps": 0, "layout_iterations": 2}
    landscape = coscape.build_landscape(alone, **quick)
    assert landscape.n_obs == 3 and landscape.obs["dpt_pseudotime"].notna().all()
    with pytest.raises(UserError, match=r"2 clusters; a landscape needs at least 3"):
        coscape.build_landscape(alone[:2], **quick)
    with pytest.raises(UserError, match=r"landscape.min_pairs: is 100, but 66 pairs of genes have signal"):
        coscape.build_landscape(alone, min_pairs=100, **quick)


def test_a_study_that_cannot_be_compared_stands_alone(two):
    sparse_cells = cells_of("sparse")
    sparse_cells.X.data[50:] = 0
    sparse_cells.X.eliminate_zeros()
    clusters, members = coscape.find_panclusters(sparse_cells, min_cells=100, n_components=5)
    third = coscape.estimate_coexpression(sparse_cells, clusters, members)
    landscape = coscape.build_landscape([*two, third], permutations=0, bootstraps=0, layout_iterations=2)
    time = landscape.obs.groupby("study")["dpt_pseudotime"]
    assert time.apply(lambda values: values.notna().all()).to_dict() == {
        "one": True,
        "second": True,
        "sparse": False,
    }


def test_pairs_without_any_signal_are_an_error():
    signal = Signal.empty(GENES)
    signal.noise[0, 1:] = 0.1
    with pytest.raises(UserError, match="11 can be measured, but do not correlate more than independent"):
        choose_pairs([signal], GENES, 5)


def test_damaged_tables_of_chosen_pairs_are_named(tmp_path):
    path, no_numbers = tmp_path / "pairs.tsv", "has weights that are no numbers from 0 to 1"
    table = pd.DataFrame({"gene_a": "A", "gene_b": "B", "weight": 0.5, "signal": 1.0, "n_studies": 1}, [0])
    write_tsv(table, path)
    assert read_chosen(path)["weight"].tolist() == [0.5]
    damaged = [(table.assign(weight=value), no_numbers) for value in ("x", np.nan, -0.5)]
    for part, words in [(table.drop(columns="weight"), "has no column weight"), *damaged]:
        write_tsv(part, path)
        with pytest.raises(UserError, match=f"pairs.tsv: {words}"):
            read_chosen(path)
