"""Collections that leave the landscape out: what runs without a target, and what other targets say."""

import re

import yaml

LINES = {
    "collection": "lines",
    "studies": [
        {
            "id": "lines",
            "simulated": "drawn",
            "use": ["sivae"],
            "obs": {"line": "line"},
            "qc": {"min_genes": 20},
        }
    ],
    "simulation": {"lines": [{"name": "drawn", "lines": 3, "cells": 120, "n_genes": 60}]},
    "sivae": {"n_latent": 3, "n_hidden": [8], "feature_dim": 16, "n_steps": [5, 5, 20], "batch_size": 64},
}
MULTIOME = {
    "collection": "multiome",
    "studies": [{"id": "one", "simulated": "drawn", "use": ["metacells"], "qc": {"min_genes": 20}}],
    "simulation": {"multiome": [{"name": "drawn", "cells": 300, "n_genes": 100, "n_peaks": 300}]},
}


def written(folder, config):
    path = folder / "collection.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_collection_of_lines_runs_to_its_report(snakemake, tmp_path):
    config = written(tmp_path, LINES)
    run = snakemake(tmp_path, config=config)
    assert run.returncode == 0, run.stderr[-3000:]
    made = {path.name for path in (tmp_path / "results/lines").iterdir()}
    assert made == {".panscape", "preprocess", "sivae", "report.html", "report.zip", "methods.md"}
    text = (tmp_path / "results/lines/report.html").read_text()
    assert "Models of lines" in text and "Landscape" not in text


def test_a_multiome_sample_is_grouped_without_being_asked(snakemake, tmp_path):
    run = snakemake(tmp_path, "-n", config=written(tmp_path, MULTIOME))
    assert run.returncode == 0, run.stderr[-3000:]
    rules = set(re.findall(r"^(?:local)?rule (\w+):", run.stdout + run.stderr, re.MULTILINE))
    assert {"group_cells", "link_peaks", "write_report"} <= rules
    assert not {"find_panclusters", "build_landscape", "select_genes", "plan_lines"} & rules


def test_targets_without_studies_are_skipped_with_the_reason(snakemake, tmp_path):
    targets = ["landscape", "dictionary", "sivae", "networks", "unicoord"]
    run = snakemake(tmp_path, "-n", *targets, config=written(tmp_path, MULTIOME))
    assert run.returncode == 0, run.stderr[-3000:]
    named = re.findall(r"Skipped: no study's `use` names (\w+)", run.stdout + run.stderr)
    assert sorted(named) == ["landscape", "landscape", "sivae", "sivae", "unicoord"]
