"""Projection of held-out studies, by the corrected distance and by thresholded correlations.

Are they placed better by either? Each study of a collection is left out in turn. From the others, the pairs
with the most signal are chosen and a dictionary is learned; the left-out study's panclusters are given an age
by either similarity, with the codes of the same dictionary. Printed per set, as means over the left-out
studies: the mean absolute error of panclusters whose age the reference covers, in parts of the range of
ages; that of the age of the nearest pancluster; the coverage of nominal 90 % intervals and their half-width;
Spearman's correlation of predicted with known ages. The last line printed is one JSON object.

    python benchmarks/projection_distance.py --work WORK --data DATA --seeds 11
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from _evidence_sets import ALL, UNDECIDING, Collection, collection, study_signals

from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.coexpression.signal import choose_pairs
from panscape.coscape.dictionary.fit_stack import learn_stack
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import Stack, make_stack
from panscape.coscape.dictionary.write import SavedDictionary, dictionary_to_anndata
from panscape.coscape.landscape.combine import Study, combine_studies
from panscape.coscape.landscape.read import pair_positions
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.project.collection import FinishedCollection, project_study
from panscape.preprocess.genes import genes_of

TOP_PAIRS, ENTRIES, MIN_PAIRS, ETA, COVERAGE = 100_000, 10, 10, 0.2, 0.9
FEWEST = 3  # panclusters of a study to leave out


def strong(study: Study) -> Study:
    """Return a study with the correlations above the default threshold only."""
    matrix = study.matrix.copy()
    matrix.data[np.abs(matrix.data) < ETA] = 0
    matrix.eliminate_zeros()
    return replace(study, matrix=matrix)


def scored(given: Collection, signals: dict, out: str) -> list[Study]:
    """Return all studies with scores of the pairs that the others' signal chooses."""
    genes = given.studies[0].genes
    chosen = choose_pairs([signals[name] for name in signals if name != out], list(genes), TOP_PAIRS)
    places, weight = pair_positions(chosen, genes), chosen["weight"].to_numpy(dtype=float)
    studies = []
    for study in given.studies:
        own, counts = genes_of(given.selection, study.name), given.paths[study.name]
        matrix = score_study(counts, own, study.members, chosen)
        studies.append(replace(strong(study), scores=Scores.of(matrix, places, weight, study.members)))
    return studies


def finish(studies: list[Study], seed: int) -> FinishedCollection:
    """Return the reference of some studies, compared by their scores."""
    settings = DictionarySettings(starts=2, min_panclusters=5)
    combined = combine_studies(studies)
    obs = combined.clusters.set_index("cluster")
    fitted = make_stack(combined, obs, settings)
    choice, learned = learn_stack(fitted, ENTRIES, settings, seed)
    saved = SavedDictionary(dictionary_to_anndata(learned, fitted, choice, {}))
    stack: Stack = make_stack(combined, obs, replace(settings, pair_support=1))
    layout = np.zeros((len(obs), 2))
    return FinishedCollection(saved, stack, layout, settings, combined.scores, MIN_PAIRS)


def measures(table: pd.DataFrame, age: pd.Series) -> dict[str, float]:
    """Return what is printed of the panclusters of one left-out study."""
    span = age.max() - age.min()
    inside = table["age_known"].between(age.min(), age.max())
    known, placed = table[inside], table.loc[inside, "age"]
    nearest = age.reindex(known["nearest"]).to_numpy()
    return {
        "n": len(known),
        "error": float((placed - known["age_known"]).abs().mean() / span),
        "nearest_error": float(np.abs(nearest - known["age_known"]).mean() / span),
        "coverage": float(known["age_known"].between(known["age_low"], known["age_high"]).mean()),
        "half_width": float(((known["age_high"] - known["age_low"]) / 2).median() / span),
        "rho": float(table[["age", "age_known"]].corr(method="spearman").iloc[0, 1]),
    }


def evaluate(given: Collection) -> list[dict]:
    """Return the measures of both similarities for every study that can be left out."""
    names = [study.name for study in given.studies]
    signals = dict(zip(names, study_signals(given, "pearson"), strict=True))
    rows = []
    for out in names:
        studies = {study.name: study for study in scored(given, signals, out)}
        new = studies.pop(out)
        if len(new.clusters) < FEWEST or len(studies) < 2:
            continue
        finished = finish(list(studies.values()), given.seed)
        for label, reference in (
            ("corrected", finished),
            ("thresholded", replace(finished, scores=None)),
        ):
            table = project_study(reference, new, new.scores, coverage=COVERAGE)
            ages = reference.stack.obs["age"].dropna()
            rows.append({"set": given.name, "left_out": out, "similarity": label, **measures(table, ages)})
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11])
    default = [name for name in ALL if name not in UNDECIDING]
    parser.add_argument("--sets", nargs="+", choices=ALL, default=default)
    args = parser.parse_args()
    rows = []
    for name in args.sets:
        for seed in args.seeds:
            given = collection(name, seed, args.work, args.data)
            rows += evaluate(given) if given is not None else []
        table = pd.DataFrame(rows)
        if len(table) and (table["set"] == name).any():
            shown = table[table["set"] == name].groupby("similarity").mean(numeric_only=True)
            print(f"{name}\n{shown.round(3).to_string()}", flush=True)
    print(json.dumps({"benchmark": "projection_distance", "seeds": args.seeds, "rows": rows}))


if __name__ == "__main__":
    main()
