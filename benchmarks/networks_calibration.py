"""Share of p < .05 of every test of lines where nothing follows the phenotype, by design.

    python benchmarks/networks_calibration.py --repeats 400 --seed 7

Donors with repeated samples and a random trait or random groups of donors; a random condition within donors;
a trait that goes with a covariate on which networks depend; three groups; samples of donors divided by cell
type (sivae.within), each with the donors that have cells of it. Networks are made of noise with effects of
donor and covariate. With --naive the blocks and covariates are not given. "any gene ..." are shares of the
comparisons: with a gene called by one engine, among the most central half (networks.central_fraction), and by
at least two of three engines of the same lines (`confirmed`). The last line is one JSON object:
design -> test -> share of p < .05, or of comparisons.
"""

import argparse
import json
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (after the number of threads is set)
import pandas as pd  # noqa: E402
from scipy import sparse  # noqa: E402

from panscape.sivae.networks.associate import associate  # noqa: E402
from panscape.sivae.networks.centrality import associate_genes  # noqa: E402
from panscape.sivae.networks.covariates import usable_lines, with_covariates  # noqa: E402
from panscape.sivae.networks.edge_table import EdgeTable  # noqa: E402
from panscape.sivae.networks.edges import associate_edges, associate_sets  # noqa: E402
from panscape.sivae.networks.phenotype import Phenotype, read_phenotype  # noqa: E402
from panscape.sivae.networks.set_tests import _rankings  # noqa: E402
from panscape.sivae.networks.settings import NetworkSettings  # noqa: E402
from panscape.sivae.networks.tested import read_phenotypes  # noqa: E402
from panscape.sivae.networks.verdict import verdict_table  # noqa: E402
from panscape.stats.gsea import label_pvalues  # noqa: E402

GENES, EDGES, PERMUTATIONS = 40, 60, 199
DESIGNS = ("trait", "groups", "condition", "covariate", "three groups", "within types")
ENGINES = ("one", "two", "three")


def lines_of(design: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table of lines: y, donor and age."""
    if design in ("trait", "groups"):
        donor = np.repeat(np.arange(16), rng.permutation(np.resize([1, 2, 3], 16)))
        values = rng.permutation(16).astype(float)
        if design == "groups":
            values = (values >= 8).astype(float)
        return pd.DataFrame({"y": values[donor], "donor": donor, "age": 0.0})
    if design == "within types":
        # two samples of each donor, divided by type: a fifth of them have too few cells of it
        donor = np.repeat(np.arange(14), 4)
        kind = np.tile(["B", "B", "T", "T"], 14)
        lines = pd.DataFrame({"y": rng.permutation(14)[donor], "donor": donor, "age": 0.0, "within": kind})
        return lines[rng.random(len(lines)) > 0.2].reset_index(drop=True)
    if design == "condition":
        donor = np.repeat(np.arange(10), 2)
        label = np.concatenate([rng.permutation(["a", "b"]) for _ in range(10)])
        return pd.DataFrame({"y": label, "donor": donor, "age": 0.0})
    age = rng.normal(size=24)
    y = 0.7 * age + 0.7 * rng.normal(size=24)
    if design == "three groups":
        y = pd.cut(pd.Series(y).rank(), 3, labels=["a", "b", "c"]).astype(str)
    return pd.DataFrame({"y": y, "donor": np.arange(24), "age": age})


def values_of(lines: pd.DataFrame, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows x lines of noise with effects of donor and age."""
    donor = pd.factorize(lines["donor"])[0]
    shared = rng.normal(size=(rows, donor.max() + 1))[:, donor]
    return (
        shared
        + 0.7 * rng.normal(size=(rows, len(lines)))
        + rng.normal(size=(rows, 1)) * lines["age"].to_numpy()
    )


def phenotypes_of(design: str, lines: pd.DataFrame, naive: bool) -> list[Phenotype]:
    """Return y with the blocks and covariates of the design, one per cell type."""
    if design == "within types":
        settings = NetworkSettings(block=None if naive else "donor")
        return read_phenotypes(lines, ["y"], settings)[0]
    blocked = design in ("trait", "groups", "condition") and not naive
    names = [] if blocked or naive else ["age"]
    phenotype, reason = read_phenotype(
        lines["y"], blocks=lines["donor"] if blocked else None, usable=usable_lines(lines, names)
    )
    assert phenotype is not None, reason
    phenotype, reason = with_covariates(phenotype, lines, names)
    assert phenotype is not None, reason
    return [phenotype]


def run(design: str, rng: np.random.Generator, naive: bool) -> dict[str, np.ndarray]:
    """Return test -> p-values of one collection."""
    lines = lines_of(design, rng)
    x, mean = (values_of(lines, GENES, rng) for _ in range(2))
    depth = values_of(lines, 1, rng)[0]
    x += 0.5 * mean + 0.3 * depth
    parts = [
        tests_of(lines, phenotype, x, mean, depth, rng) for phenotype in phenotypes_of(design, lines, naive)
    ]
    return {test: np.concatenate([part[test] for part in parts]) for test in parts[0]}


def tests_of(
    lines: pd.DataFrame,
    phenotype: Phenotype,
    x: np.ndarray,
    mean: np.ndarray,
    depth: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return test -> p-values of one phenotype, of centralities x and means (genes, lines)."""
    genes, counts = associate_genes(
        x, phenotype, {"mean": mean, "depth": depth}, range(GENES), permutations=PERMUTATIONS, rng=rng
    )
    result = {
        "genes": genes["pvalue"],
        "genes, permuted": genes["pvalue_permuted"],
        "genes, controlled": genes["pvalue_partial"],
        "genes, controlled, permuted": genes["pvalue_partial_permuted"],
        "genes found": counts["pvalue"],
    }
    result |= called_by_chance(phenotype, x, mean, rng)
    kernel = x - x.mean(axis=1, keepdims=True)
    maps = associate(
        kernel.T @ kernel, phenotype, permutations=PERMUTATIONS, rng=rng, controls={"depth": depth}
    )
    result |= {row.test: np.array([row.pvalue]) for row in maps.itertuples()}
    first, second = np.triu_indices(12, 1)
    present = values_of(lines, len(first), rng) > 0
    names_ = np.array([f"g{at}" for at in range(14)], dtype=object)
    table = EdgeTable(names_, first, second, sparse.csr_matrix(present.T.astype(float)))
    sets = {"set": list(names_)}
    levels = values_of(lines, 14, rng)
    edges = associate_edges(table, sets, phenotype, means=levels)
    of_sets = associate_sets(table, sets, phenotype, permutations=PERMUTATIONS, rng=rng, means=levels)
    inside = of_sets[of_sets["set_b"] == "set"]
    result |= {"edges": edges["pvalue"], "edges, controlled": edges["pvalue_partial"]}
    result |= {"edges of a set": inside["pvalue"], "edges of a set, permuted": inside["pvalue_permuted"]}
    settings = NetworkSettings(permutations=PERMUTATIONS, controls=("mean",))
    members = np.zeros((1, GENES), dtype=bool)
    members[0, :10] = True
    rankings = _rankings(x, {"mean": mean}, phenotype, settings, "controlled", int(rng.integers(2**31)))
    return result | {"gene set": label_pvalues(rankings, members)[0]}


def called_by_chance(
    phenotype: Phenotype, x: np.ndarray, mean: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return p of the most central genes; and p of 0 where a collection has any called gene, 1 otherwise."""
    level = 3 * rng.random((GENES, 1))  # genes differ in centrality more than lines do
    tables = {
        name: associate_genes(
            x + level + 0.7 * rng.normal(size=x.shape),
            phenotype,
            {"mean": mean},
            [f"g{at}" for at in range(GENES)],
            permutations=0,
            fraction=0.5 if name == "central" else 1.0,
        )[0].assign(model=name)
        for name in (*ENGINES, "central")
    }
    central = tables.pop("central")
    tested = central["fdr"].notna()
    engines = pd.DataFrame({"believed": [True], "phenotype": [phenotype.name], "model": [ENGINES[0]]})
    confirmed = verdict_table(pd.concat(tables.values()), pd.DataFrame(), engines, ENGINES)["confirmed"]
    some = {
        "any gene by one engine": (tables["one"]["call"] == "connectivity").any(),
        "any gene of the central half": (central["call"] == "connectivity").any(),
        "any gene confirmed": confirmed.any(),
    }
    return {
        "central half": central.loc[tested, "pvalue"],
        "central half, controlled": central.loc[tested, "pvalue_partial"],
    } | {name: np.array([0.0 if found else 1.0]) for name, found in some.items()}


def main() -> None:
    """Run all designs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--naive", action="store_true")
    parser.add_argument("--designs", nargs="+", default=DESIGNS, choices=DESIGNS)
    given = parser.parse_args()
    shares = {}
    for design in given.designs:
        rng = np.random.default_rng([given.seed, DESIGNS.index(design)])
        every = [run(design, rng, given.naive) for _ in range(given.repeats)]
        shares[design] = {
            test: round(float(np.mean(np.concatenate([one[test] for one in every]) <= 0.05)), 3)
            for test in every[0]
        }
        print(design, shares[design], flush=True)
    print(json.dumps(shares))


if __name__ == "__main__":
    main()
