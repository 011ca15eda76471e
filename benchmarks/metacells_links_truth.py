"""Links with planted truth: false and found links, best peaks, and planted against nearer peaks, by shape.

    python benchmarks/metacells_links_truth.py --seeds 10 11 12

Samples of several shapes are drawn (benchmarks/_link_shapes.py, and the multiome sample of the workflow's
simulation), grouped in the linear embedding, and linked at a false discovery rate of 0.1. The last line is
one JSON object: means over seeds by shape.
"""

import argparse
import json
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (after the number of threads is set)
import pandas as pd  # noqa: E402
from _link_shapes import Drawn, Shape, draw  # noqa: E402

from panscape.coem.links.links import link_peaks  # noqa: E402
from panscape.coem.links.pairs import candidate_pairs  # noqa: E402
from panscape.coem.metacells.aggregate import sum_cells  # noqa: E402
from panscape.coem.metacells.embed import linear_views, log_normalised  # noqa: E402
from panscape.coem.metacells.group import group_cells  # noqa: E402
from panscape.coem.peaks import gene_places  # noqa: E402
from panscape.simulate.multiome import MultiomeSettings, draw_multiome  # noqa: E402

SHAPES = {
    "plain": Shape(),
    "near": Shape(reach=20_000, decoy=""),
    "platforms": Shape(platforms=3, reach=30_000),
    "few": Shape(cells=1500),
    "many": Shape(cells=8000, shared=0.6),
    "programmes": Shape(shared=0.8, programmes=2, reach=30_000, decoy=""),
    "none": Shape(linked=0.0, shared=0.6),
    "neighbours": Shape(neighbour=0.7),
    "types": Shape(decoy="types", strength=(0.7, 1.0)),
}


def sample(shape: str, seed: int) -> Drawn:
    """Return a drawn sample."""
    if shape != "multiome":
        return draw(SHAPES[shape], seed)
    drawn = draw_multiome(MultiomeSettings("multiome"), seed)
    return Drawn(drawn.rna, drawn.atac, gene_places(drawn.genes), drawn.peaks, drawn.links.assign(decoy=""))


def measures(drawn: Drawn, seed: int) -> dict[str, float]:
    """Return the measures of one sample."""
    label = group_cells(
        linear_views(drawn.rna, drawn.atac).joint, round(drawn.rna.shape[0] / 75), seed=seed
    ).label
    rna, atac = (log_normalised(sum_cells(counts, label)) for counts in (drawn.rna, drawn.atac))
    open_cells = np.bincount(drawn.atac.indices, minlength=drawn.atac.shape[1])
    usable = np.bincount(drawn.rna.indices, minlength=drawn.rna.shape[1]) >= 3
    begin = time.process_time()
    pairs = candidate_pairs(
        drawn.genes, drawn.peaks, open_cells, usable, n_cells=drawn.rna.shape[0], seed=seed
    )
    links, best = link_peaks(rna, atac, drawn.genes, drawn.peaks, pairs)
    spent = time.process_time() - begin
    planted = pd.MultiIndex.from_frame(drawn.truth[["gene", "peak"]])
    true = pd.MultiIndex.from_frame(links[["gene", "peak"]]).isin(planted)
    lead = pd.MultiIndex.from_frame(best[["gene", "peak"]]).isin(planted)
    found, called = links["found"].to_numpy(), best["found"].to_numpy(dtype=bool)
    result = {
        "found": found.sum(), "false": (~true[found]).mean() if found.any() else 0.0,
        "recall": true[found].sum() / max(true.sum(), 1),
        "best_found": called.sum(), "best_precision": lead[called].mean() if called.any() else np.nan,
        "best_recall": lead[called].sum() / max(drawn.truth["gene"].nunique(), 1),
        "null_p_below_0.05": (links["pvalue"][~true] <= 0.05).mean(), "cpu_s": spent,
    }  # fmt: skip
    value = pd.Series(links["r"].to_numpy(), index=pd.MultiIndex.from_frame(links[["gene", "peak"]]))
    with_decoy = drawn.truth[drawn.truth["decoy"] != ""]
    if len(with_decoy):
        here, there = (
            value.reindex(pd.MultiIndex.from_frame(with_decoy[["gene", column]])).to_numpy()
            for column in ("peak", "decoy")
        )
        tested = np.isfinite(here) & np.isfinite(there)
        result["planted_above_nearer_by_r"] = (here > there)[tested].mean()
        chosen = best.set_index("gene")["peak"].reindex(with_decoy["gene"]).to_numpy()
        either = (chosen == with_decoy["peak"].to_numpy()) | (chosen == with_decoy["decoy"].to_numpy())
        result["best_is_planted_not_nearer"] = (chosen == with_decoy["peak"].to_numpy())[either].mean()
    return result


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", nargs="+", default=["multiome", *SHAPES])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    options = parser.parse_args()
    rows = [
        {"shape": shape, "seed": seed, **measures(sample(shape, seed), seed)}
        for shape in options.shapes
        for seed in options.seeds
    ]
    means = pd.DataFrame(rows).drop(columns="seed").groupby("shape", sort=False).mean().round(3)
    print(means.to_string())
    print(json.dumps({"seeds": options.seeds, "mean": means.T.to_dict()}))


if __name__ == "__main__":
    main()
