"""Presets of COEM side by side: held-out likelihood, purity of the metacells, time.

Claim: every preset trains, and the default's metacells are at least as pure as the published models'. `nll`
is minus the log-probability, in nats per cell, of the half of a held-out cell's counts that the encoder has
not seen: lower is better, and likelihoods of different kinds can be compared by it on the same features
(all presets are given those of `best`). `purity` is that of metacells on the embedding, by cells, with each
preset's own grouping.

    python benchmarks/coem_presets.py --cells 2000 --genes 1000 --peaks 3000
    python benchmarks/coem_presets.py --data rna.h5ad atac.h5ad --label time_h --k 35
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from coem_quality import real, simulated

from panscape.coem.embed import embed
from panscape.coem.metacells import sum
from panscape.coem.metacells.compare import group_by
from panscape.coem.metacells.embed import linear_views
from panscape.coem.metacells.evaluate import measure
from panscape.coem.metacells.group import GroupSettings
from panscape.config.load import load
from panscape.training.device import prepare

FEATURES = ("min_gene_cells", "min_peak_cells", "peak_fraction", "max_genes", "max_peaks")


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=["best", "paper", "code"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--genes", type=int, default=1000)
    parser.add_argument("--peaks", type=int, default=3000)
    parser.add_argument("--depths", type=float, nargs=2, default=(1200, 1200))
    parser.add_argument("--k", type=int, help="metacells; a 75th of the cells if not given")
    parser.add_argument("--data", nargs=2, type=Path, help="h5ad files: RNA, accessibility")
    parser.add_argument("--label", help="column of RNA's obs to judge purity by (with --data)")
    parser.add_argument("--settings", type=json.loads, default={}, help="of COEM, over the preset's, as JSON")
    parser.add_argument("--set", type=json.loads, default={}, dest="more", help="of the simulation, as JSON")
    return parser.parse_args()


def settings_of(preset: str) -> dict:
    """Return the configuration of a preset."""
    return load({"collection": "x", "preset": preset, "studies": [{"id": "a", "path": "a.h5ad"}]})


def main() -> None:
    """Train every preset and print the JSON line."""
    options = arguments()
    prepare(1)
    sample = real(options) if options.data else simulated(options, options.seed)[0]
    labels, _ = sum.judged_columns(sample.obs, None)
    k = options.k or max(sample.n_cells // 75, 2)
    views = linear_views(sample.rna, sample.atac)
    features = {key: settings_of("best")["coem"][key] for key in FEATURES}
    result = {}
    for preset in options.presets:
        config = settings_of(preset)
        start = time.process_time()
        used = {**config["coem"], **features, **options.settings}
        embedding = embed(sample.rna, sample.atac, settings=used, seed=options.seed)
        seconds = time.process_time() - start
        group = GroupSettings.of(config["metacells"])
        label = group_by("coem", k, views, embedding.joint, embedding.joint, group, seed=options.seed).label
        purity = {
            name: round(value, 3)
            for metric, name, value in measure(label, {}, labels=labels, numbers={})
            if metric == "purity"
        }
        history = pd.DataFrame(embedding.history).query("split == 'heldout' and term == 'divergence'")
        result[preset] = {
            "likelihoods": embedding.info["likelihoods"],
            "nll": {name: round(value, 1) for name, value in embedding.info["unseen_nll"].items()},
            "information": {name: round(value, 1) for name, value in embedding.info["information"].items()},
            "divergence": round(float(history["value"].iloc[-1]), 2),
            "purity": purity,
            "cpu_seconds": round(seconds, 1),
        }
        print(preset, json.dumps(result[preset]), file=sys.stderr)
    print(json.dumps({"cells": sample.n_cells, "metacells": k, **result}))


if __name__ == "__main__":
    main()
