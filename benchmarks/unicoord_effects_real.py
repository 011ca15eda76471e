"""Effects of a donor or a day on left-out types of real cells, by UniCoord and plain baselines.

The four frequent types of human islets in four donors, and of blood in culture on days 4 and 6 (the folder
named by PANSCAPE_DATA): every pair of a type and a donor (or day 6) with 30 cells or more on either side is
left out of training once, pairs of different types and donors together. Scores compare the change of the
genes' means, from cells of the type in the other donors (the test cells among them) to those of the pair,
with the measured one: Pearson's r and squared error as a fraction of that of no change. ``noise`` is the
expected score of the true change. The last line printed is one JSON object.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pandas as pd
import torch
from unicoord_effects import baselines
from unicoord_real import fit, read

from panscape.unicoord.interactions import agreement

LEAST = 30  # cells on either side of a comparison
SETS = {
    "human islets, donor": ("pancreas_human_baron2016", "donor", ("alpha", "beta", "delta", "ductal"), None),
    "blood, day 6": (
        "hema_mouse_invitro_weinreb2020_subset", "day", ("Baso", "Monocyte", "Neutrophil", "undiff"), "6",
    ),
}  # fmt: skip


def data(name):
    """Return cells with the columns kind and given, the types, and the classes that are asked for."""
    file, column, types, only = SETS[name]
    cells = read(file, ["cell_type", column])
    given = cells.obs[column].map(lambda value: str(value).removesuffix(".0"))
    cells.obs = pd.DataFrame({"kind": cells.obs["cell_type"].astype(str), "given": given})
    if only:
        cells = cells[cells.obs["given"].isin(["4", only]).to_numpy()].copy()
    return cells, types, [only] if only else sorted(cells.obs["given"].unique())


def mean(x, rows):
    """Return the genes' means in some cells, and the squared error of it that their noise makes."""
    part = x[np.flatnonzero(rows)]
    centre = np.asarray(part.mean(axis=0), dtype=np.float64).ravel()
    squares = np.asarray(part.power(2).mean(axis=0), dtype=np.float64).ravel()
    return centre, float((squares - centre**2).sum() / (part.shape[0] - 1))


def rows_of(cells, hidden, split, model):
    """Yield scores of the hidden pairs."""
    x, obs = model.normalised(cells), cells.obs
    learned = split != "test"
    for value, kind in hidden:
        here = (obs["given"] == value).to_numpy()
        states, effects = {}, {}
        for name in obs["kind"].unique():
            inside = (obs["kind"] == name).to_numpy() & learned
            if (inside & ~here).sum() >= LEAST:
                states[name] = mean(x, inside & ~here)[0]
                if (inside & here).sum() >= LEAST:
                    effects[name] = mean(x, inside & here)[0] - states[name]
        of_kind = (obs["kind"] == kind).to_numpy()
        source = of_kind & ~here & ~learned
        if source.sum() < LEAST or (of_kind & here).sum() < LEAST or len(effects) < 2 or kind not in states:
            continue
        (there, noise), (from_, more) = mean(x, of_kind & here), mean(x, source)
        true = there - from_
        made, same = (
            np.vstack([block for _, block in model.reconfigure(cells[source].copy(), change)]).mean(axis=0)
            for change in ({"given": value}, {})
        )
        pooled = mean(x, learned & here)[0] - mean(x, learned & ~here)[0]
        guesses = {"unicoord": made - same} | baselines(states, effects, kind, pooled)
        for name, guess in guesses.items():
            r, error = agreement(guess, true)
            yield {"pair": f"{kind} {value}", "model": name, "r": r, "mse_share": error}
        share = min((noise + more) / (true**2).sum(), 1.0)
        yield {"pair": f"{kind} {value}", "model": "noise", "r": (1 - share) ** 0.5, "mse_share": share}


def scores(name, seed, settings):
    """Return rows of all pairs of a data set."""
    cells, types, wanted = data(name)
    labels = [{"name": "kind", "kind": "discrete"}, {"name": "given", "kind": "discrete"}]
    rows = []
    for turn in range(len(types)):
        hidden = [(value, types[(at + turn) % len(types)]) for at, value in enumerate(wanted)]
        random = np.random.default_rng(seed)
        split = random.choice(["train", "validation", "test"], cells.n_obs, p=[0.55, 0.1, 0.35])
        for value, kind in hidden:
            split[((cells.obs["given"] == value) & (cells.obs["kind"] == kind)).to_numpy()] = "test"
        model, _ = fit(cells, labels, split, seed, settings)
        rows += rows_of(cells, hidden, split, model)
    return pd.DataFrame(rows).assign(data=name, seed=seed)


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of settings that differ")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = pd.concat([scores(name, seed, given.settings) for seed in given.seeds for name in given.data])
    for keys in (["data", "pair", "model"], ["data", "model"]):
        groups = table.groupby(keys, sort=False)
        result = groups[["r", "mse_share"]].mean().round(3)
        print(result.assign(n=groups.size()).to_string())
    print(json.dumps({" / ".join(key): list(row) for key, row in result.iterrows()}))


if __name__ == "__main__":
    main()
