import anndata
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse, stats

from panscape.data import files
from panscape.data.counts import CountsWriter
from panscape.errors import UserError
from panscape.plot.features import draw_features
from panscape.simulate.planted_sets import planted_sets, write_gmt
from panscape.stats.aucell import aucell, top_count, weight_blocks
from panscape.unicoord.features import collection as collection_module
from panscape.unicoord.features.assess import assess_sets
from panscape.unicoord.features.choose import choose, group_features
from panscape.unicoord.features.classes import Classes
from panscape.unicoord.features.collection import (
    choose_features,
    read_libraries,
    score_features,
    score_table,
    shared_genes,
)
from panscape.unicoord.features.entropy import entropies
from panscape.unicoord.features.forest import forest
from panscape.unicoord.features.random import GenePool, bins_of_size, random_members, strata
from panscape.unicoord.features.settings import FeatureSettings

GENES, PLANTED = 3000, 6


def system(seed, n=700, sets=60):
    """Return counts, sets and types; most genes of the first sets are higher in one of eight types."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 8, n)
    member = np.zeros((sets, GENES), dtype=bool)
    for row in member:
        row[rng.choice(GENES, rng.integers(60, 120), replace=False)] = True
    log = np.tile(rng.normal(-1.2, 1.2, GENES), (n, 1))
    for row in range(PLANTED):
        genes = np.flatnonzero(member[row])[: int(0.7 * member[row].sum())]
        log[:, genes] += 1.0 * (kind == row)[:, None]
    share = np.exp(log)
    counts = rng.poisson(share / share.sum(axis=1, keepdims=True) * rng.uniform(1500, 4000, (n, 1)))
    return (
        sparse.csr_matrix(counts, dtype=np.float32),
        sparse.csr_matrix(member.astype(float)),
        np.array([f"type {code}" for code in kind], dtype=object),
    )


def weights_of(counts):
    n_up = top_count(counts.shape[1])
    return sparse.vstack([part for _, part in weight_blocks(counts, n_up)], format="csr"), n_up


@pytest.fixture(scope="module")
def planted():
    counts, member, kind = system(0)
    weights, n_up = weights_of(counts)
    assessment = assess_sets(
        weights,
        member,
        n_up,
        np.random.default_rng(1),
        detection=np.asarray((counts > 0).mean(axis=0)).ravel(),
        classes=Classes.of(kind),
        settings=FeatureSettings(random_sets=150, size_bins=2, detection_bins=2),
    )
    table = assessment.table.assign(term=[f"set {i}" for i in range(60)], library="made up")
    return table, assessment.scores, kind


def test_entropy_agrees_with_scipy_and_grows_by_log_2_as_the_spread_doubles():
    rng = np.random.default_rng(0)
    scores = np.column_stack([rng.normal(0.3, 0.02, 4000), rng.normal(0.4, 0.04, 4000)])
    values = entropies(scores, 0.005)
    counts = np.bincount((scores[:, 0] / 0.005).astype(int))
    assert values[0] == pytest.approx(stats.entropy(counts[counts > 0]))
    assert values[1] - values[0] == pytest.approx(np.log(2), abs=0.05)
    assert entropies(np.full((9, 1), 0.2), 0.01) == 0
    assert entropies(scores, 0.0).tolist() == [0, 0]


def test_planted_sets_pass_and_others_do_not(planted):
    table, _, _ = planted
    assert (table["class_fdr"][:PLANTED] <= 0.05).all()
    assert (table["class_fdr"][PLANTED:] <= 0.05).sum() <= 1
    assert (table["entropy_pvalue"][:PLANTED] <= 0.05).all()
    assert table["class_pvalue"].min() == pytest.approx(1 / 601)


def test_bins_have_similar_sizes_and_equal_sizes_share_one():
    sizes = np.array([10, 10, 10, 10, 50, 60, 400, 500])
    bins = bins_of_size(sizes, 4)
    assert (np.diff(bins) >= 0).all() and len(set(bins[:4])) == 1 and bins[-1] > bins[4] > bins[0]
    assert bins_of_size(np.array([7, 7]), 10).tolist() == [0, 0]


def test_random_sets_match_size_and_detection_and_follow_the_weights():
    rng = np.random.default_rng(0)
    detection = rng.random(1000)
    member = sparse.csr_matrix((rng.random((30, 1000)) < 0.05 * (1 + detection)).astype(float))
    pool = GenePool.of(detection, member)
    composition = pool.composition(member)
    drawn = random_members(np.repeat(composition, 20, axis=0), pool, rng)
    assert drawn.max() == 1  # no gene twice
    np.testing.assert_array_equal(pool.composition(drawn), np.repeat(composition, 20, axis=0))
    detected = np.repeat((member @ detection) / member.getnnz(axis=1), 20)
    assert np.abs((drawn @ detection) / drawn.getnnz(axis=1) - detected).max() < 0.02
    # genes in many sets are drawn more often with random_genes = membership
    member = sparse.csr_matrix(np.column_stack([np.ones((30, 100)), member.toarray()[:, 100:]]))
    for how, more in (("uniform", False), ("membership", True)):
        pool = GenePool.of(detection, member, how)
        drawn = random_members(np.full((300, 10), 5), pool, rng)
        counts = np.asarray(drawn.sum(axis=0)).ravel()
        assert (counts[:100].mean() > 3 * counts[100:].mean()) == more
    with pytest.raises(ValueError, match="random_genes"):
        GenePool.of(detection, member, "some")


def test_strata_split_sizes_and_then_detection():
    sizes = np.repeat([10, 100], 40)
    detection = np.tile(np.linspace(0, 1, 40), 2)
    labels = strata(sizes, detection, 2, 4)
    assert len(set(labels)) == 8 and len(set(labels[:40]) & set(labels[40:])) == 0
    assert (np.diff(labels[:40]) >= 0).all() and np.bincount(labels).tolist() == [10] * 8


def test_forest_ranks_planted_sets_first_whatever_the_threads(planted):
    _, scores, kind = planted
    labels = kind.copy()
    labels[:20] = None
    one = forest(scores, labels, trees=60, seed=1)
    two = forest(scores, labels, trees=60, seed=1, threads=2)
    assert np.array_equal(one.importance, two.importance)
    assert set(np.argsort(-one.importance)[:5]) <= set(range(PLANTED))
    assert one.accuracy > 0.8 and one.chance == 1 / 8


def test_groups_are_those_planted_and_as_many_as_requested():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((300, 3))
    scores = np.repeat(base, 4, axis=1) + 0.1 * rng.standard_normal((300, 12))
    label, r = group_features(scores, 3)
    assert label.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    np.testing.assert_allclose(r, np.corrcoef(scores.T), atol=1e-12)
    for groups in (1, 5, 12, 40):
        assert len(set(group_features(scores, groups)[0])) == min(groups, 12)
    same = np.repeat(base[:, :1], 6, axis=1)  # ties in every merge
    assert len(set(group_features(same, 4)[0])) == 4
    flat = np.zeros((10, 3))
    assert len(group_features(flat, 2)[0]) == 3


def test_a_group_is_represented_by_its_most_important_set(planted):
    table, scores, kind = planted
    settings = FeatureSettings(trees=60, top=9, groups=4, max_fdr=1.0)
    result, forest = choose(table, scores, kind, settings, seed=1)
    assert forest is not None and len(result) == 60
    assert result["group"].nunique() == 4 and 1 <= result["selected"].sum() <= 4
    for _, part in result[result["group"].notna()].groupby("group"):
        if part["selected"].any():
            assert part.loc[part["importance"].idxmax(), "selected"] and part["selected"].sum() == 1
    assert result["importance"].dropna().is_monotonic_decreasing
    assert result["importance"].notna().equals(pd.Series(settings.passed(result)))
    assert set(result["term"][:5]) <= {f"set {i}" for i in range(PLANTED)}
    paper = FeatureSettings(trees=60, top=9, groups=4, test="entropy", max_fdr=1.0, representative="entropy")
    result, _ = choose(table, scores, kind, paper, seed=1)
    assert result["group"].nunique() == result["selected"].sum() == 4
    for _, part in result[result["group"].notna()].groupby("group"):
        assert part.loc[part["entropy"].idxmax(), "selected"]


def test_no_set_of_random_genes_is_chosen(planted):
    table, scores, kind = planted
    result, _ = choose(table, scores, kind, FeatureSettings(trees=60, groups=6), seed=1)
    assert set(result.loc[result["selected"], "term"]) <= {f"set {i}" for i in range(PLANTED)}


def test_a_class_takes_no_more_than_its_share(planted):
    table, scores, kind = planted
    rare = table.assign(best_class=["rare"] * 40 + ["common"] * 20)
    settings = FeatureSettings(trees=20, top=20, groups=12, max_fdr=1.0)
    result, _ = choose(rare, scores, kind, settings, seed=1)
    assert result.loc[result["group"].notna(), "best_class"].value_counts().to_dict() == {
        "rare": 10,
        "common": 10,
    }
    skewed = table.assign(best_class=["rare"] * 54 + list("abcdef"))
    settings = FeatureSettings(trees=20, top=40, groups=14, max_fdr=1.0)
    result, _ = choose(skewed, scores, kind, settings, seed=1)
    chosen = result.loc[result["selected"], "best_class"]
    assert (chosen == "rare").sum() <= 4


def test_without_labels_sets_are_ranked_by_entropy_above_chance(planted):
    table, scores, _ = planted
    table = table.drop(columns=[name for name in table if name.startswith(("class_", "auroc", "best_"))])
    settings = FeatureSettings(top=PLANTED, groups=3, max_fdr=0.3)
    result, forest = choose(table, scores, None, settings)
    assert forest is None and result["importance"].isna().all()
    grouped = set(result.loc[result["group"].notna(), "term"])
    assert len(grouped & {f"set {i}" for i in range(PLANTED)}) >= PLANTED - 1
    best = result[result["selected"]]
    z = (best["entropy"] - best["entropy_null"]) / best["entropy_sd"]
    assert z.is_monotonic_decreasing and best["entropy_fdr"].max() <= 0.3


def test_failures_of_the_choice_are_reported(planted, caplog):
    table, scores, kind = planted
    with pytest.raises(UserError, match=r"max_pvalue.*separate a class"):
        choose(table, scores, kind, FeatureSettings(max_pvalue=1e-9))
    with pytest.raises(UserError, match=r"max_fdr.*vary more"):
        choose(table, scores, kind, FeatureSettings(test="entropy", max_fdr=1e-9))
    few = table.assign(class_fdr=[0.01] + [0.2] * 59)
    caplog.set_level("WARNING", logger="panscape")
    settings = FeatureSettings(random_sets=150, trees=10)
    choose(few, scores, kind, settings)
    assert "raise features.random_sets" in caplog.text
    with pytest.raises(UserError, match=r"features\.label"):
        forest(scores, ["one"] * len(scores))
    for wrong in (
        {"top_fraction": 0},
        {"test": "luck"},
        {"representative": "first"},
        {"random_genes": "some"},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FeatureSettings(**wrong)


def write_counts(path, counts, genes, obs):
    with files.atomic(path) as scratch, CountsWriter(scratch, counts.shape[1]) as writer:
        writer.append(counts)
        writer.finish(obs, pd.DataFrame(index=genes))


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    counts, member, kind = system(3)
    genes = np.array([f"G{i}" for i in range(GENES)])
    paths = {}
    for name, rows in (("one", slice(0, 450)), ("two", slice(450, 700))):
        order = np.random.default_rng(len(paths)).permutation(GENES)
        obs = pd.DataFrame({"study": name, "cell_type": kind[rows]})
        obs.index = [f"c{i}" for i in range(len(obs))]  # the same barcodes in both
        paths[name] = folder / f"{name}.h5ad"
        part = counts[rows][:, order]
        names = genes[order].astype(object)
        names[-1] = f"only-{name}"
        write_counts(paths[name], part.tocsr(), names, obs)
    gmt = folder / "sets.gmt"
    sets = {f"set {i}": list(genes[member[i].indices]) for i in range(60)}
    write_gmt(sets, gmt)
    return paths, gmt, folder


SMALL = {"set_sizes": [50, 150], "trees": 60, "random_sets": 200, "size_bins": 2, "detection_bins": 2}
SMALL |= {"top": 12, "groups": 5, "max_cells": 500}


def test_features_of_a_collection(collection):
    paths, gmt, _ = collection
    chosen = choose_features(paths, [gmt], SMALL, seed=4)
    again = choose_features(paths, [gmt], SMALL, seed=4, threads=2)
    pd.testing.assert_frame_equal(chosen.table, again.table)
    pd.testing.assert_frame_equal(chosen.classes, again.classes)
    assert len(chosen.classes) == 60 * 8 and chosen.classes["units"].max() == 2
    for name, part in chosen.classes.groupby("class"):
        assert part["pvalue"].is_monotonic_increasing, name
    assert set(chosen.table["term"][:4]) <= {f"set {i}" for i in range(PLANTED)}
    values = chosen.statistics.set_index("statistic")["value"]
    assert values["sets_tested"] == 60 and values["sets_selected"] == chosen.table["selected"].sum() == 5
    assert list(chosen.correlation.index) == list(chosen.correlation.columns)
    scores = score_features(paths, [gmt], chosen.table, SMALL)
    assert scores.shape == (700, 5) and scores.obs_names.is_unique
    assert list(scores.var_names) == chosen.table.loc[chosen.table["selected"], "term"].tolist()
    assert scores.obs_names[450] == "two:c0" and scores.obs["cell_type"].notna().all()
    table = score_table(scores)
    assert table.columns[:2].tolist() == ["cell", "study"] and table["cell"][450] == "c0"
    shared = shared_genes({name: collection_module.Counts(path) for name, path in paths.items()})
    one = collection_module.Counts(paths["one"]).select(shared)
    sets = read_libraries([gmt], shared, (50, 150))
    member = sets.member[[list(sets.terms).index(term) for term in scores.var_names]]
    np.testing.assert_allclose(scores.X[:450], aucell(one, member), atol=1e-6)
    listed = [set(names.split(";")) for names in scores.var["genes"]]
    assert listed == [{shared[at] for at in row.indices} for row in member]


def test_scores_survive_the_file(collection):
    paths, gmt, folder = collection
    chosen = choose_features(paths, [gmt], SMALL | {"label": None, "max_fdr": 0.5}, seed=4)
    files.write_tsv(chosen.table, folder / "features.tsv")
    table = files.read_tsv(folder / "features.tsv", dtype={"term": str, "library": str})
    scores = score_features(paths, [gmt], table, SMALL)
    scores.write_h5ad(folder / "scores.h5ad")
    read = anndata.read_h5ad(folder / "scores.h5ad")
    np.testing.assert_array_equal(read.X, scores.X)
    assert read.uns["parameters"]["top_fraction"] == "0.05"


def test_figures_of_the_features(collection, tmp_path):
    from panscape.plot.style import save_figure

    paths, gmt, _ = collection
    for settings in (SMALL, SMALL | {"label": None, "max_fdr": 0.5}):
        chosen = choose_features(paths, [gmt], settings, seed=4)
        scores = score_features(paths, [gmt], chosen.table, settings)
        drawn = draw_features(chosen.table, chosen.correlation, scores, FeatureSettings.of(settings))
        names = [name for name, figure in drawn if save_figure(figure, tmp_path / name, formats=["png"])]
        assert names == ["choice", "correlation", "profiles"]


def report_of(folder, chosen, settings):
    from panscape.config.load import load
    from panscape.report.results import Results

    out = folder / "results" / "c"
    for name in ("table", "classes", "statistics"):
        file = {"table": "features.tsv", "classes": "classes.tsv.gz"}.get(name, f"{name}.tsv")
        (out / "features").mkdir(parents=True, exist_ok=True)
        files.write_tsv(getattr(chosen, name), out / "features" / file)
    (out / "features" / "figures").mkdir()
    for name in ("choice", "correlation", "profiles"):
        Image.new("RGB", (100, 100)).save(out / "features" / "figures" / f"{name}.png")
    study = {"id": "one", "path": "one.h5ad"}
    whole = load({"collection": "c", "studies": [study], "features": settings})
    return Results.of(out, sorted(path for path in out.rglob("*") if path.is_file()), whole)


@pytest.mark.parametrize("label", ["cell_type", None])
def test_the_report_names_best_class_and_fdr(collection, tmp_path, label):
    from panscape.report.sections import features as section

    paths, gmt, _ = collection
    settings = SMALL | {"label": label, "max_fdr": 0.5 if label is None else 0.05}
    chosen = choose_features(paths, [gmt], settings, seed=4)
    results = report_of(tmp_path, chosen, settings)
    blocks = section.SECTION.blocks(results)
    tables = [block for block in blocks if block.block == "table"]
    assert all("fdr" in " ".join(table.header) for table in tables)
    text = " ".join([*section.SECTION.headline(results), *section.SECTION.methods(results)])
    if label is None:
        assert len(tables) == 1 and "vary over cells more than random sets" in text and "AUROC" not in text
        assert "random forest" not in text
    else:
        by_class = tables[1]
        assert "best class" in tables[0].header and by_class.header[0] == "class"
        assert {row[0] for row in by_class.rows} <= {f"type {code}" for code in range(8)}
        assert "AUROC per class (computed within each of 2 sampled units" in text


def test_a_collection_without_labels_is_chosen_by_entropy(collection, tmp_path, caplog):
    paths, gmt, _ = collection
    bare = {}
    for name, path in paths.items():
        data = anndata.read_h5ad(path)
        bare[name] = tmp_path / f"{name}.h5ad"
        obs = pd.DataFrame({"study": name}, index=data.obs_names)
        write_counts(bare[name], sparse.csr_matrix(data.X), data.var_names.to_numpy(dtype=object), obs)
    settings = SMALL | {"max_fdr": 0.5}
    caplog.set_level("WARNING", logger="panscape")
    chosen = choose_features(bare, [gmt], settings, seed=4)
    assert "no study maps cell_type" in caplog.text and chosen.classes.empty
    assert chosen.table["selected"].any() and chosen.table["class_fdr"].isna().all()
    from panscape.report.sections import features as section

    blocks = section.SECTION.blocks(report_of(tmp_path, chosen, settings))
    assert any(getattr(block, "kind", "") == "warning" for block in blocks)


def test_user_errors_are_reported(collection, tmp_path):
    paths, gmt, _ = collection
    with pytest.raises(UserError, match=r"features\.label"):
        choose_features(paths, [gmt], SMALL | {"label": "nothing"}, seed=0)
    with pytest.raises(UserError, match=r"features\.unit"):
        choose_features(paths, [gmt], SMALL | {"unit": "nothing"}, seed=0)
    with pytest.raises(UserError, match=r"features\.gene_sets"):
        choose_features(paths, [gmt], SMALL | {"set_sizes": [1000, 1200]}, seed=0)
    other = tmp_path / "other.gmt"
    write_gmt({"a": ["Xyz1", "Xyz2"]}, other)
    with pytest.raises(UserError, match="none of the"):
        choose_features(paths, [other], SMALL, seed=0)


def test_terms_of_two_libraries_stay_apart(collection):
    paths, gmt, folder = collection
    copy = folder / "copy.gmt"
    copy.write_text(gmt.read_text())
    genes = shared_genes({"one": collection_module.Counts(paths["one"])})
    collection = read_libraries([gmt, copy], genes, (50, 150))
    assert len(set(collection.terms)) == 120 and "set 0 (copy)" in collection.terms


def test_planted_sets_of_a_simulated_system():
    from panscape.simulate.design import design
    from panscape.simulate.settings import from_config

    settings = from_config(
        {
            "studies": [{"name": "a", "cells": 10, "ages": [1, 2], "depth": 500, "platform": "p"}],
            "n_genes": 600,
            "n_modules": 4,
        }
    )
    drawn = design(settings, 3)
    sets = planted_sets(drawn, decoys=2)
    planted = {name: genes for name, genes in sets.items() if not name.startswith("decoy-")}
    assert len(sets) == 3 * len(planted) and {"age-rising", "age-falling"} <= set(planted)
    at = list(drawn.types["cell_type"]).index(next(name for name in planted if name.startswith("type-"))[5:])
    names = drawn.genes["gene"].to_numpy()
    assert set(planted[f"type-{drawn.types['cell_type'][at]}"]) == set(names[drawn.type_effects[at] > 0.1])
    assert all(len(set(genes)) == len(genes) for genes in sets.values())
