"""Whether intervals of pseudotime are as wide as pseudotime varies between experiments.

A developing system is planted once, and experiments on it are simulated, each with other cells and other
samples of the same ages (``--shift`` is the size of the samples' own effects). Clusters are the planted
types, alone and within halves and single ages, so that every experiment has the same ones. Pairs of genes
are chosen anew in every experiment; the root is the youngest cluster. With ``--parts`` the experiments are
random parts of the cells of one, which have the same samples and differ by sampling of cells alone.

Printed over clusters other than the root, for the experiments of which cells are drawn:

- ratio: root mean square of the standard deviations over draws, over that of those over experiments; 1 is
  right, less is too narrow;
- centre: fraction of the intervals that contain the median pseudotime of the other experiments (about .95);
- another: fraction that contain the pseudotime of another experiment (.83 where both have the same error).

The last line printed is one JSON object.

    python benchmarks/landscape_intervals.py --samples 1 --parts
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from panscape.coscape.coexpression.coexpress import correlate_clusters
from panscape.coscape.coexpression.drawn_scores import DrawnScorer
from panscape.coscape.coexpression.pair_scores import PairScorer
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.signal import Signal, choose_pairs
from panscape.coscape.coexpression.values import Values
from panscape.coscape.landscape.cell_draws import CellDraws
from panscape.coscape.landscape.debiased import debiased_distances
from panscape.coscape.landscape.drawn_study import DrawnStudy
from panscape.coscape.landscape.intervals import drawn_pseudotimes
from panscape.coscape.landscape.other_spaces import embed_with_settings
from panscape.coscape.landscape.placement import intervals
from panscape.coscape.landscape.scores import Scores, stack_scores
from panscape.coscape.landscape.settings import DRAW_PAIRS, LandscapeSettings
from panscape.simulate.design import design
from panscape.simulate.draw import study as draw_study
from panscape.simulate.settings import Settings, StudySettings

SHAPE = (("a", (0.0, 12.0), 2000.0), ("b", (5.0, 20.0), 1200.0), ("c", (0.0, 20.0), 800.0))
GENES, SMALLEST, MIN_EXPECTED = 400, 20, 10.0


@dataclass(frozen=True)
class Cells:
    """Cells of one study in all experiments: counts, annotation and the experiment of each cell."""

    name: str
    counts: sparse.csr_matrix
    obs: pd.DataFrame
    experiment: np.ndarray


def simulate(args) -> list[Cells]:
    """Return the studies of all experiments."""
    times = args.experiments if args.parts else 1
    studies = tuple(
        StudySettings(
            name, times * args.cells // args.samples, ages, depth=depth, timepoints=5, sample_shift=args.shift
        )
        for name, ages, depth in SHAPE
    )
    system = design(Settings(studies=studies, n_genes=800, n_modules=20, lineages=2, stages=2), args.seed)
    found = []
    for settings in studies:
        blocks, tables, experiments = [], [], []
        for experiment in range(1 if args.parts else args.experiments):
            for sample in range(args.samples):
                seed = 1000 * (args.seed + 1) + experiment * args.samples + sample
                drawn = draw_study(replace(system, seed=seed), settings.name)
                blocks += [block for _, block in drawn.blocks()]
                table = drawn.obs[["age", "cell_type"]].astype({"cell_type": str})
                tables.append(table.assign(sample=drawn.obs["sample"].astype(str) + f"-{sample}"))
                experiments.append(np.full(len(table), experiment))
        obs, part = pd.concat(tables, ignore_index=True), np.concatenate(experiments)
        if args.parts:
            part = np.random.default_rng(args.seed).permutation(np.arange(len(obs)) % args.experiments)
        found.append(Cells(settings.name, sparse.vstack(blocks).tocsr(), obs, part))
    return found


def planted_clusters(cells: Cells, experiments: int) -> np.ndarray:
    """Return bool (n_clusters, n_cells): types, within halves of the ages and within ages, large enough."""
    ages, kind = cells.obs["age"].to_numpy(), cells.obs["cell_type"].to_numpy()
    old = ages >= np.median(np.unique(ages))
    times = [np.ones(len(ages), dtype=bool), old, ~old, *(ages == age for age in np.unique(ages))]
    masks = [(kind == one) & time for one in np.unique(kind) for time in times] + times[3:]
    enough = [
        mask for mask in masks if np.bincount(cells.experiment[mask], minlength=experiments).min() >= SMALLEST
    ]
    return np.unique(np.stack(enough), axis=0)[::-1]


def signal_of(values: Values, members: sparse.csr_matrix, names: list[str]) -> Signal:
    """Return the signal of all pairs by Pearson's correlation."""
    signal = Signal.empty(names)
    settings = CoexpressionSettings(eta=1.0, min_expected=MIN_EXPECTED)
    for _ in correlate_clusters(values, members, settings, signal=signal):
        pass
    return signal


def experiment(number: int, every: list[Cells], masks: list[np.ndarray], genes: np.ndarray, args):
    """Return the studies of one experiment, the chosen pairs and their weights."""
    names, prepared = [f"g{gene:04d}" for gene in genes], []
    for cells, mask in zip(every, masks, strict=True):
        here = np.flatnonzero(cells.experiment == number)
        totals = np.asarray(cells.counts[here].sum(axis=1)).ravel().astype(float)
        counts = sparse.csr_matrix(cells.counts[here][:, genes], dtype=np.float32)
        counts.sort_indices()
        values = Values(counts, totals, "depth-log1p", float(np.median(totals)))
        members = sparse.csr_matrix(mask[:, here].astype(np.int8))
        prepared.append((cells.name, values, members, cells.obs.iloc[here].reset_index(drop=True)))
    signals = [signal_of(values, members, names) for _, values, members, _ in prepared]
    chosen = choose_pairs(signals, names, DRAW_PAIRS)
    index = pd.Index(names)
    pairs = np.stack([index.get_indexer(chosen[name]) for name in ("gene_a", "gene_b")], axis=1)
    studies = []
    for name, values, members, obs in prepared:
        scorer = PairScorer.of(values, members, None, pairs)
        sample = "cell" if args.parts else "auto"
        draws = CellDraws.of(name, obs, members, sample, atom=scorer.atom, seed=args.seed)
        studies.append(DrawnStudy(name, DrawnScorer.of(scorer, draws.unit), np.arange(len(pairs)), draws))
    return studies, pairs, chosen["weight"].to_numpy()


def observed(studies, pairs, weight, root: int, settings: LandscapeSettings) -> np.ndarray:
    """Return the pseudotime of an experiment."""
    parts = []
    for study in studies:
        once = np.ones((int(study.draws.unit.max()) + 1, 1))
        parts += study.scores(once, pairs, weight, min_expected=MIN_EXPECTED, threads=1)
    scores: Scores = stack_scores(parts)
    distances = debiased_distances(scores)
    given = "coexpression", scores.matrix, root, settings, "cosine"
    return embed_with_settings(*given, refine=False, distances=distances).pseudotime


def evaluate(args) -> dict:
    """Return the numbers described above."""
    every = simulate(args)
    masks = [planted_clusters(cells, args.experiments) for cells in every]
    detected = np.mean([np.asarray((cells.counts > 0).mean(axis=0)).ravel() for cells in every], axis=0)
    genes = np.sort(np.argsort(-detected, kind="stable")[:GENES])
    ages = [
        mask @ cells.obs["age"].to_numpy() / mask.sum(1) for cells, mask in zip(every, masks, strict=True)
    ]
    root = int(np.argmin(np.concatenate(ages)))
    settings = LandscapeSettings(
        distance="corrected", pseudotime_draws=args.draws, min_expected=MIN_EXPECTED, min_pairs=0
    )
    clusters = pd.DataFrame({"n_used_pairs": np.full(sum(map(len, masks)), DRAW_PAIRS)})
    times, drawn = [], []
    for number in range(args.experiments):
        given = experiment(number, every, masks, genes, args)
        times.append(observed(*given, root, settings))
        if number < args.drawn:
            drawn.append(drawn_pseudotimes(*given, clusters, root, settings, args.seed))
            print(f"experiment {number}: drawn", flush=True)
    found = np.stack(times)
    kept = np.arange(found.shape[1]) != root
    between = found[:, kept].std(axis=0, ddof=1)
    rows = []
    for number, draws in enumerate(drawn):
        low, high = (part[kept] for part in intervals(draws))
        others = np.delete(found, number, axis=0)[:, kept]
        centre = np.median(others, axis=0)
        within = draws[:, kept].std(axis=0, ddof=1)
        rows.append(
            {
                "ratio": float(np.sqrt((within**2).mean() / (between**2).mean())),
                "centre": float(((low <= centre) & (centre <= high)).mean()),
                "another": float(((low <= others) & (others <= high)).mean()),
                "width": float(np.median(high - low)),
            }
        )
    table = pd.DataFrame(rows)
    print(table.round(3).to_string())
    return {"clusters": len(kept), "sd": float(np.median(between)), **table.mean().round(3).to_dict()}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=1, help="samples of each age in a study")
    parser.add_argument("--shift", type=float, default=0.0, help="size of the samples' own effects (log)")
    parser.add_argument("--parts", action="store_true", help="experiments differ by their cells alone")
    parser.add_argument("--cells", type=int, default=1200, help="cells of a study")
    parser.add_argument("--experiments", type=int, default=10)
    parser.add_argument("--drawn", type=int, default=3, help="experiments of which cells are drawn")
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    logging.disable(logging.WARNING)
    print(json.dumps(evaluate(parser.parse_args())))


if __name__ == "__main__":
    main()
