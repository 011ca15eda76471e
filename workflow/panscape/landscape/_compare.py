"""The statistics of a landscape beside their nulls, and of the spaces that it is compared with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from panscape.landscape._diffusion import choose_root
from panscape.landscape._distance import nearest
from panscape.landscape._space import Space
from panscape.landscape._statistics import (
    Tested,
    neighbour_links,
    other_study_share,
    partial_spearman,
    permutation_test,
    spearman,
    spearman_test,
    study_entropy,
)
from panscape.seeds import stream

CONTROLS = ("n_cells", "n_pairs", "n_counts")
AGE = "age"
OTHERS = 5  # clusters of other studies whose ages predict a cluster's age
AGE_BINS = 5


def compare(
    space: Space,
    clusters: pd.DataFrame,
    seed: int,
    *,
    permutations: int = 1000,
    rooted: bool = True,
    n_maps: int = 10,
    vectors=None,
    metric: str = "cosine",
) -> pd.DataFrame:
    """Compute the statistics of one space.

    Parameters
    ----------
    space
        From :func:`embed`.
    clusters
        One row per cluster: `study`, `n_cells` and, where known, `age`, `n_pairs`, `n_counts`.
    seed
        The collection's seed; permutations draw from it, the space and the statistic.
    permutations
        Of each null; 0 for none.
    rooted
        The root was chosen by age, so the null of `rho_age` chooses it by the permuted ages.
    n_maps
        Maps of the pseudotime, for that null.
    vectors, metric
        What the space was made of; needed for `rho_age_other_studies`.

    Returns
    -------
    Columns `space`, `statistic`, `value`, `null_mean`, `null_sd`, `pvalue`, `n`:

    - `rho_age`: Spearman of pseudotime with mean age; null: ages permuted over clusters, |rho|
    - `rho_age_within_studies`: weighted mean of the studies' own; null: ages permuted within studies
    - `rho_age_of_{study}`: within one study
    - `partial_rho_age`: given cluster size, surviving pairs and depth
    - `rho_n_cells`, `rho_n_pairs`, `rho_n_counts`: of pseudotime with these controls
    - `rho_age_other_studies`: Spearman of a cluster's age with the mean age of its five nearest clusters
      of other studies; needs neither root nor pseudotime; null: ages permuted
    - `other_study_share`, `study_entropy`: mixing of studies among neighbours; null: studies permuted
      (complete mixing), small is extreme
    - `other_study_share_at_age`: the same share; null: studies permuted among clusters of similar age
    - `components`, `reached`: connected parts, and clusters with a pseudotime
    """
    rows = dict(_age_statistics(space, clusters, seed, permutations, rooted, n_maps))
    rows |= dict(_mixing_statistics(space, clusters, seed, permutations))
    if vectors is not None:
        found = _other_studies(space, vectors, metric, clusters, seed, permutations)
        rows |= {} if found is None else {"rho_age_other_studies": found}
    count = len(clusters)
    rows["components"] = Tested(float(space.diffusion.component.max(initial=-1) + 1), n=count)
    rows["reached"] = Tested(float(np.isfinite(space.pseudotime).sum()), n=count)
    return table(space.name, rows)


def table(space: str, rows: dict[str, Tested]) -> pd.DataFrame:
    """Return statistics as rows of ``statistics.tsv``."""
    return pd.DataFrame(
        [
            {
                "space": space,
                "statistic": name,
                "value": row.value,
                "null_mean": row.null_mean,
                "null_sd": row.null_sd,
                "pvalue": row.pvalue,
                "n": row.n,
            }
            for name, row in rows.items()
        ],
        columns=["space", "statistic", "value", "null_mean", "null_sd", "pvalue", "n"],
    )


def control_spaces(clusters: pd.DataFrame) -> pd.DataFrame:
    """Return |rho_age| of orders that know nothing of coexpression: cluster size, pairs, depth."""
    if AGE not in clusters:
        return table("", {})
    age = clusters[AGE].to_numpy(dtype=np.float64)
    parts = []
    for name in CONTROLS:
        if name in clusters:
            order = clusters[name].to_numpy(dtype=np.float64)
            both = int((np.isfinite(order) & np.isfinite(age)).sum())
            parts.append(table(name, {"rho_age": Tested(spearman(order, age), n=both)}))
    return pd.concat(parts, ignore_index=True) if parts else table("", {})


def _age_statistics(space, clusters, seed, permutations, rooted, n_maps) -> Iterator[tuple[str, Tested]]:
    time = space.pseudotime
    if not np.isfinite(time).any():
        return
    if AGE in clusters:
        yield "rho_age", _rho_age(space, clusters, seed, permutations, rooted, n_maps)
        age = clusters[AGE].to_numpy(dtype=np.float64)
        study = clusters["study"].to_numpy()
        both = np.flatnonzero(np.isfinite(age) & np.isfinite(time))
        if len(np.unique(study)) > 1:
            yield (
                "rho_age_within_studies",
                spearman_test(
                    time[both],
                    age[both],
                    stream(seed, "landscape", space.name, "within"),
                    permutations=permutations,
                    groups=study[both],
                ),
            )
            for name in dict.fromkeys(study):
                inside = both[study[both] == name]
                yield f"rho_age_of_{name}", Tested(spearman(time[inside], age[inside]), n=len(inside))
        controls = [clusters[name].to_numpy(dtype=np.float64) for name in CONTROLS if name in clusters]
        yield "partial_rho_age", Tested(partial_spearman(time, age, controls), n=len(both))
    for name in CONTROLS:
        if name in clusters:
            values = clusters[name].to_numpy(dtype=np.float64)
            rng = stream(seed, "landscape", space.name, name)
            yield f"rho_{name}", spearman_test(time, values, rng, permutations=permutations)


def _rho_age(space, clusters, seed, permutations, rooted, n_maps) -> Tested:
    """Compare pseudotime with age; under the null the root is chosen by the permuted ages again."""
    age = clusters[AGE].to_numpy(dtype=np.float64)
    size = clusters["n_cells"].to_numpy()
    both = np.flatnonzero(np.isfinite(age) & np.isfinite(space.pseudotime))
    place = space.diffusion.position(n_maps)[both]

    def from_new_root(ages: np.ndarray) -> float:
        root = choose_root(ages, size[both])
        return spearman(np.sqrt(((place - place[root]) ** 2).sum(axis=1)), ages)

    return permutation_test(
        lambda ages: spearman(space.pseudotime[both], ages),
        age[both],
        stream(seed, "landscape", space.name, "age"),
        permutations=permutations,
        null_statistic=from_new_root if rooted else None,
    )


def _mixing_statistics(space, clusters, seed, permutations) -> Iterator[tuple[str, Tested]]:
    study = clusters["study"].to_numpy()
    if len(np.unique(study)) < 2:
        return
    code = np.unique(study, return_inverse=True)[1]
    links = neighbour_links(space.neighbours.index)
    options = {"permutations": permutations, "alternative": "less"}
    for name, statistic in (("other_study_share", other_study_share), ("study_entropy", study_entropy)):
        yield (
            name,
            permutation_test(
                lambda codes, statistic=statistic: statistic(links, codes),
                code,
                stream(seed, "landscape", space.name, name),
                **options,
            ),
        )
    if AGE in clusters and np.isfinite(age := clusters[AGE].to_numpy(dtype=np.float64)).sum() > AGE_BINS:
        edges = np.nanquantile(age, np.linspace(0, 1, AGE_BINS + 1)[1:-1])
        similar = np.where(np.isfinite(age), np.searchsorted(edges, age), -1)
        rng = stream(seed, "landscape", space.name, "at age")
        yield (
            "other_study_share_at_age",
            permutation_test(
                lambda codes: other_study_share(links, codes), code, rng, groups=similar, **options
            ),
        )


def _other_studies(space, vectors, metric, clusters, seed, permutations) -> Tested | None:
    study = clusters["study"].to_numpy()
    if AGE not in clusters or len(np.unique(study)) < 2:
        return None
    age = clusters[AGE].to_numpy(dtype=np.float64)
    known = np.isfinite(age)
    allowed = (study[:, None] != study[None, :]) & known[None, :]
    found = nearest(vectors, OTHERS, metric=metric, allowed=allowed, distances=space.distances, refine=False)
    usable = np.flatnonzero(known & (found.index >= 0).any(axis=1))
    chosen = found.index[usable]

    def rho(ages: np.ndarray) -> float:
        return spearman(np.nanmean(np.where(chosen >= 0, ages[chosen], np.nan), axis=1), ages[usable])

    if len(usable) < 3:
        return None
    rng = stream(seed, "landscape", space.name, "other studies")
    groups = np.where(known, 0, 1)  # unknown ages stay where they are
    found = permutation_test(rho, age, rng, permutations=permutations, groups=groups)
    return Tested(found.value, found.null_mean, found.null_sd, found.pvalue, len(usable))
