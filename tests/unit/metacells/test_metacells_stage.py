"""The stage on a small simulated sample, from counts to figures; what a sample without a modality gets."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest

from panscape.coem.links.link_validation import link_sample
from panscape.coem.metacells.embed import linear_views
from panscape.coem.metacells.learned import Learned, held_out_measures, read_embedding
from panscape.coem.metacells.stage import group_sample
from panscape.coem.metacells.sum import (
    judge,
    read_grouped,
    sum_sample,
    write_grouped,
    write_summed,
)
from panscape.coem.paired import Paired
from panscape.coem.peaks import gene_places
from panscape.data import files
from panscape.errors import UserError
from panscape.plot.links import panel_titles as names_in_figures
from panscape.plot.metacells import Drawn, draw_metacells, plot_methods
from panscape.plot.style import save_figure
from panscape.simulate.multiome import MultiomeSettings, draw_multiome

SETTINGS = {
    "embedding": "pca_lsi", "k": "cells", "cells_per_metacell": 30, "size_sweep": [15, 30, 60], "repeats": 1,
    "n_components": 10, "compare": ["wnn", "rna", "atac", "kmeans", "archetypal", "random"],
    "permutations": 10, "labels": None, "contrast_cells": 300,
    "activity_window": 5000, "window": 100_000, "anchor": "tss",
    "peak_cells": 50, "statistic": "pearson", "background": 50, "fdr": 0.1, "track_gene": None,
}  # fmt: skip


CARRIED = [
    {"shown": "all", "of": "rna", "nats": 12.5, "se": 0.6, "shuffled": -20.0},
    {"shown": "all", "of": "atac", "nats": -0.4, "se": 0.3, "shuffled": -0.5},
    {"shown": "rna", "of": "rna", "nats": 12.0, "se": 0.6, "shuffled": -20.0},
    {"shown": "rna", "of": "atac", "nats": -0.1, "se": 0.3, "shuffled": -0.4},
    {"shown": "atac", "of": "rna", "nats": 1.5, "se": 0.8, "shuffled": -3.0},
    {"shown": "atac", "of": "atac", "nats": 0.1, "se": 0.3, "shuffled": -0.6},
]


@pytest.fixture(scope="module")
def drawn():
    return draw_multiome(MultiomeSettings("multi", cells=600, n_genes=300, n_peaks=900), 0)


@pytest.fixture(scope="module")
def sample(drawn):
    return Paired(drawn.obs, drawn.rna, drawn.atac, gene_places(drawn.genes), drawn.peaks)


@pytest.fixture(scope="module")
def grouped(sample):
    return group_sample(sample, SETTINGS, seed=1)


def test_joint_metacells_are_purer_than_those_of_one_modality(sample, grouped):
    result = judge(sample, grouped, SETTINGS).set_index(["method", "metric", "modality"])["value"]
    purity = {method: result[(method, "purity", "cell_type")] for method in grouped.methods}
    assert grouped.main == "pca_lsi"
    assert purity["pca_lsi"] > max(purity["rna"], purity["atac"]) + 0.05
    assert min(purity["rna"], purity["atac"]) > purity["random"] + 0.2
    assert np.isfinite(result[result.index.get_level_values(1) == "compactness_guarded"]).all()
    assert (result.xs("dubious", level=1).xs("random")).min() > 0.9


def test_the_stage_is_repeatable(sample, grouped):
    again = group_sample(sample, SETTINGS, seed=1, threads=2)
    pd.testing.assert_frame_equal(again.methods, grouped.methods)
    pd.testing.assert_frame_equal(again.size_sweep, grouped.size_sweep)


def test_a_sweep_takes_the_recommended_size(sample):
    result = group_sample(sample, {**SETTINGS, "k": "sweep", "compare": []})
    best = int(result.size_sweep.loc[result.size_sweep["recommended"], "k"].iloc[0])
    assert result.methods["pca_lsi"].nunique() == best
    assert (result.methods["pca_lsi"] == result.sweep_labels[f"k{best}"]).all()


@pytest.fixture(scope="module")
def folder(sample, grouped, drawn, tmp_path_factory):
    """Return the stage's results in a folder of results, as the workflow lays them out."""
    root = tmp_path_factory.mktemp("results")
    place = root / "metacells" / "multi"
    names = {
        "methods": "methods.tsv.gz",
        "ladder": "ladder.tsv",
        "views": "views.h5ad",
        "metacells": "metacells.h5mu",
        "assignments": "assignments.tsv",
        "table": "metacells.tsv",
        "metrics": "metrics.tsv",
        "links": "links.tsv.gz",
        "best": "best_links.tsv",
        "evidence": "evidence.tsv",
    }
    (place / "figures").mkdir(parents=True)
    paths = {key: str(place / name) for key, name in names.items()}
    write_grouped(grouped, SimpleNamespace(**paths))
    again = read_grouped(SimpleNamespace(**paths))
    pd.testing.assert_frame_equal(again.methods, grouped.methods, check_names=False)
    summed = sum_sample(sample, again, SETTINGS)
    write_summed(summed, SimpleNamespace(**paths))
    linked = link_sample(
        sample, grouped.methods, SETTINGS, truth=drawn.links, conditioned=grouped.conditioned
    )
    files.write_tsv(linked.links, paths["links"])
    files.write_tsv(linked.best, paths["best"])
    files.write_tsv(linked.validation, paths["evidence"])
    figures = draw_metacells(Drawn.read(paths), SETTINGS)
    for name, figure in figures:
        save_figure(figure, place / "figures" / name, formats=("png",))
    return root


def test_files_hold_both_directions_and_exact_sums(folder, sample, drawn):
    place = folder / "metacells" / "multi"
    assignments = files.read_tsv(place / "assignments.tsv")
    table = files.read_tsv(place / "metacells.tsv").set_index("metacell")
    assert assignments["cell"].tolist() == sample.obs.index.tolist()
    assert assignments["metacell"].value_counts().to_dict() == table["n_cells"].to_dict()
    with h5py.File(place / "metacells.h5mu") as file:
        assert set(file["mod"]) == {"rna", "atac", "activity"}
        for name, matrix in (("rna", drawn.rna), ("atac", drawn.atac)):
            assert file[f"mod/{name}/layers/counts/data"][:].sum() == matrix.sum()


def test_links_over_metacells_beat_single_cells_and_random_ones(folder):
    table = files.read_tsv(folder / "metacells" / "multi" / "evidence.tsv")
    evidence = table.set_index(["method", "measure"])["value"]
    assert evidence[("pca_lsi", "planted_median")] > evidence[("single cells", "planted_median")] + 0.1
    assert evidence[("pca_lsi", "planted_median")] > evidence[("random", "planted_median")] + 0.1
    assert evidence[("pca_lsi", "planted_auc")] > 0.7
    assert abs(evidence[("random", "auc")] - 0.5) < 0.1


def test_every_figure_is_drawn(folder):
    names = ["map", "methods", "ladder", "heterogeneity", "links", "track"]
    for name in names:
        assert (folder / "metacells" / "multi" / "figures" / f"{name}.png").stat().st_size > 3000


def test_the_report_tells_what_was_found(folder):
    from panscape.report.results import Results
    from panscape.report.sections.metacells import SECTION, comparison, samples

    listed = [path for path in folder.rglob("*") if path.is_file()]
    results = Results.of(folder, listed, {"metacells": SETTINGS, "report": {"table_rows": 5}})
    assert SECTION.ran(results) and samples(results) == ["multi"]
    (headline,) = SECTION.headline(results)
    assert "multi: 20 metacells of" in headline and "planted" in headline and "RNA only" in headline
    blocks = SECTION.content(results)
    assert sum(block.block == "gallery" for block in blocks) == 6
    assert "random groups" in set(comparison(results, "multi")["method"])
    grouped, linked = SECTION.methods(results)
    assert "were grouped into metacells" in grouped and "linked" not in grouped
    assert "within 100 kb" in linked and "Pearson correlation" in linked
    assert "elias2007decoy" in SECTION.cited(results) and "coem" not in SECTION.cited(results)
    without = replace(results, files=results.files - {"metacells/multi/metrics.tsv"})
    assert len(SECTION.methods(without)) == 1 and "elias2007decoy" not in SECTION.cited(without)


def test_a_sample_with_one_modality_is_grouped_on_that(sample):
    for lacking, left in (("atac", "rna"), ("rna", "atac")):
        other = {"atac": "peaks", "rna": "genes"}[lacking]
        part = replace(sample, **{lacking: None, other: None})
        result = group_sample(part, {**SETTINGS, "size_sweep": []})
        assert list(result.methods) == [left, "kmeans", "archetypal", "random"]
        summed = sum_sample(part, result, SETTINGS)
        assert list(summed.modalities) == [left]
        linked = link_sample(part, result.methods, SETTINGS)
        assert not len(linked.links) and not len(linked.validation)


def test_one_cell_type_and_missing_labels_do_no_harm(sample):
    obs = sample.obs.assign(cell_type="only", donor=np.nan)
    part = replace(sample, obs=obs)
    result = group_sample(part, {**SETTINGS, "size_sweep": [], "compare": []})
    metrics = judge(part, result, SETTINGS)
    assert "purity" not in set(metrics["metric"])
    assert sum_sample(part, result, SETTINGS).table["cell_type"].eq("only").all()


def test_without_places_there_are_no_links(sample):
    part = replace(sample, genes=gene_places(pd.DataFrame(index=sample.genes.index)))
    linked = link_sample(part, pd.DataFrame({"rna": np.arange(600) % 10}, index=sample.obs.index), SETTINGS)
    assert not len(linked.links) and linked.scores.shape == (10, 0)


def test_a_warning_if_peaks_are_of_another_build(sample, caplog):
    moved = replace(
        sample,
        peaks=sample.peaks.assign(
            start=sample.peaks["start"] + 3_000_000, end=sample.peaks["end"] + 3_000_000
        ),
    )
    with caplog.at_level("WARNING", logger="panscape"):
        link_sample(moved, pd.DataFrame({"rna": np.arange(600) % 10}, index=sample.obs.index), SETTINGS)
    assert "are peaks and genes of the same genome build?" in caplog.text


def test_the_report_says_which_labels_the_embedding_was_conditioned_on(folder, tmp_path):
    from panscape.report.results import Results
    from panscape.report.sections.metacells import SECTION, comparison

    shutil.copytree(folder, tmp_path / "told")
    for name in ("metrics.tsv", "evidence.tsv"):
        path = tmp_path / "told" / "metacells" / "multi" / name
        table = files.read_tsv(path)
        table["conditioned_on"] = np.where(table["method"] == "pca_lsi", "cell_type", "")
        files.write_tsv(table, path)
    texts = {}
    for root in (folder, tmp_path / "told"):
        listed = [path for path in root.rglob("*") if path.is_file()]
        results = Results.of(root, listed, {"metacells": SETTINGS, "report": {"table_rows": 5}})
        texts[root.name] = " ".join([*SECTION.headline(results), *map(str, SECTION.content(results))])
        names = comparison(results, "multi")["method"].tolist()
    assert (
        names[0] == "PCA + LSI, spectral, conditioned on cell_type"
        and names[1] == "weighted neighbours, spectral"
    )
    assert (
        "the embedding was conditioned on cell_type" in texts["told"] and "is not evidence" in texts["told"]
    )
    assert "embedding was conditioned" not in texts[folder.name]


def test_the_report_begins_with_what_speaks_against_the_metacells(folder, tmp_path):
    from panscape.report.results import Results
    from panscape.report.sections.metacells import SECTION

    place = tmp_path / "few" / "metacells" / "multi"
    shutil.copytree(folder / "metacells" / "multi", place)
    table = files.read_tsv(place / "metrics.tsv").assign(conditioned_on="")
    table["method"] = table["method"].replace("pca_lsi", "coem")
    table.loc[(table["method"] == "coem") & (table["metric"] == "metacells"), "value"] = 2
    nats = [("coem", *row, "") for row in held_out_measures({"rna": 12.5, "atac": -0.4}, CARRIED)]
    nats += [("coem", "one_batch", "lane", 0.75, ""), ("random", "one_batch", "lane", 0.25, "")]
    files.write_tsv(pd.concat([table, pd.DataFrame(nats, columns=list(table))]), place / "metrics.tsv")
    texts = {}
    for root in (folder, tmp_path / "few"):
        listed = [path for path in root.rglob("*") if path.is_file()]
        settings = {"metacells": SETTINGS, "report": {"table_rows": 5}, "coem": {"batch_key": None}}
        results = Results.of(root, listed, settings)
        first = SECTION.content(results)[:2]
        texts[root.name] = [block.text for block in first if getattr(block, "kind", "") == "warning"]
        headline, content = SECTION.headline(results), SECTION.content(results)
        text = SECTION.methods(results)
    assert not texts[folder.name]
    few, unlearned = texts["few"][:2]
    told, batches = content[2].text, content[3]
    assert "profile do: RNA by 12.5 nats per cell (standard error 0.6). The" in told
    assert "another cell of the batch would give −20.0 for RNA and −0.5 for accessibility." in told
    assert "from accessibility alone tell 1.5 (standard error 0.8) of RNA and 0.1 " in told
    assert batches.kind == "warning"
    assert "not corrected for lane (`coem.batch_key` is null)" in batches.text
    assert "75 % of the metacells (25 % of random groups) are of one lane" in batches.text
    assert any("half of their counts" in sentence and "RNA by 12.5 nats" in sentence for sentence in text)
    assert few.startswith("2 metacells are few")
    assert "does not predict accessibility in held-out cells (−0.4 nats per cell)" in unlearned
    assert "in held-out cells the model does not predict accessibility" in headline[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding": "coem"}, "metacells.embedding: is coem, but there is no learned embedding"),
        ({"k": 1}, "metacells.k: 1 metacells"),
        ({"k": 400}, "400 metacells of 600 cells"),
    ],
)
def test_settings_that_cannot_work(sample, change, message):
    with pytest.raises(UserError, match=message):
        group_sample(sample, {**SETTINGS, "size_sweep": [], **change})


def test_a_learned_embedding_is_used_and_compared(sample):
    learned = Learned(linear_views(sample.rna, sample.atac, components=5).joint)
    result = group_sample(
        sample, {**SETTINGS, "embedding": "coem", "size_sweep": [], "compare": ["pca_lsi"]}, learned=learned
    )
    assert list(result.methods) == ["coem", "pca_lsi"]
    assert result.conditioned == {"coem": "", "pca_lsi": ""}
    learned.z[0, 0] = np.nan
    with pytest.raises(UserError, match="1 of 600 cells have coordinates"):
        group_sample(sample, {**SETTINGS, "embedding": "coem", "size_sweep": []}, learned=learned)


def test_every_metric_says_which_labels_the_embedding_was_conditioned_on(sample, tmp_path):
    pytest.importorskip("torch")
    from panscape.coem.files import write_embedding

    lane = np.where(np.arange(sample.n_cells) % 3, "a", "b")
    sample = replace(sample, obs=sample.obs.assign(lane=lane))
    obs = sample.obs[["cell_type", "lane"]]
    views = linear_views(sample.rna, sample.atac, components=5)
    embedding = SimpleNamespace(
        joint=views.joint,
        rna=None,
        atac=None,
        history=[],
        info={"conditioned": 3, "information": {"rna": 12.5, "atac": -0.4}, "carried": CARRIED},
        posterior_sd=np.ones(1),
        unit=np.ones(1),
    )
    write_embedding(
        embedding, obs, tmp_path / "embedding.h5ad", {"condition_on": "cell_type", "batch_key": "lane"}
    )
    learned = read_embedding(tmp_path / "embedding.h5ad", obs.index)
    settings = {**SETTINGS, "embedding": "coem", "size_sweep": [], "compare": ["pca_lsi", "kmeans", "random"]}
    result = group_sample(sample, settings, learned=learned)
    paths = SimpleNamespace(**{name: str(tmp_path / name) for name in ("methods", "ladder", "views")})
    write_grouped(result, paths)
    again = read_grouped(paths)
    expected_labels = {"coem": "cell_type", "pca_lsi": "", "kmeans": "cell_type", "random": ""}
    assert result.conditioned == again.conditioned == expected_labels
    summed = sum_sample(sample, again, settings)
    nats = summed.metrics[summed.metrics["metric"] == "held_out_nats"]
    rows = nats[["method", "modality", "value"]].to_numpy().tolist()
    assert rows == [["coem", "atac", -0.4], ["coem", "rna", 12.5]]
    told = summed.metrics.set_index(["method", "metric", "modality"])["value"]
    assert told[("coem", "held_out_se", "rna")] == 0.6 and told[("coem", "held_out_shuffled", "rna")] == -20
    assert told[("coem", "held_out_nats_from_atac", "rna")] == 1.5
    assert told[("random", "one_batch", "lane")] == 0
    assert again.carried == CARRIED and again.batch_key == "lane"
    linked = link_sample(sample, again.methods, settings, conditioned=again.conditioned)
    for table in (summed.metrics, linked.validation):
        expected = (
            table["method"].map(expected_labels).fillna("")
        )  # single cells and the genome were told nothing
        assert table["conditioned_on"].tolist() == expected.tolist() and (expected == "cell_type").any()
        assert names_in_figures(table)["coem"] == "COEM (learned), spectral\n(conditioned on cell_type)"
        assert names_in_figures(table)["pca_lsi"] == "PCA + LSI, spectral"
    assert (summed.table["conditioned_on"] == "cell_type").all()
    figure = plot_methods(summed.metrics)
    assert "COEM (learned), spectral\n(conditioned on cell_type)" in [
        text.get_text() for text in figure.axes[0].get_yticklabels()
    ]
