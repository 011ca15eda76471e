"""Statistics of a landscape and its comparison spaces, with intervals and nulls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from panscape.coscape.landscape.age import Design, Viewed, comparable_views, nearest_others
from panscape.coscape.landscape.mixing import (
    age_bins,
    expected_entropy,
    expected_share,
    neighbour_links,
    other_study_share,
    study_entropy,
)
from panscape.coscape.landscape.roots import Roots
from panscape.coscape.landscape.sampling import Sampling
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.testing import Tested, age_statistics
from panscape.seeds import stream

CONTROLS = ("n_cells", "n_pairs", "n_counts")
AGE = "age"
COLUMNS = (
    "space", "statistic", "value", "low", "high", "null_mean", "null_sd", "pvalue", "n", "units", "note",
)  # fmt: skip


def compare_spaces(
    views: Sequence[Viewed],
    clusters: pd.DataFrame,
    settings: LandscapeSettings,
    seed: int,
    *,
    cells: Sampling | None = None,
    usable: np.ndarray | None = None,
) -> pd.DataFrame:
    """Compute the statistics of several spaces on their common clusters.

    Parameters
    ----------
    views
        Spaces; the first one is the landscape's.
    clusters
        One row per cluster: `study`, `n_cells` and, where known, `age`, `n_pairs`, `n_counts`.
    settings
        Their `permutations`, `bootstraps`, `root`, `root_below`, `n_maps` and `clip` are used.
    seed
        The collection's seed.
    cells
        Cells of the clusters; None gives no p-values and intervals.
    usable
        bool (n_clusters,): clusters that may be the root.

    Returns
    -------
    Columns `space`, `statistic`, `value`, `low` and `high` (95 % bootstrap), `null_mean`, `null_sd`,
    `pvalue`, `n` (clusters), `units`, `note`. See ``docs/reading-a-landscape.md`` for the null hypotheses.

    - `rho_age`: Spearman of pseudotime with mean age, on the clusters with a pseudotime in all compared
      spaces; null: ages permuted over the sampled units, |rho|
    - `rho_age_margin`: `rho_age` of the first space minus that of the space (of a control: |`rho_age`|), over
      the same clusters and the same bootstrap draws, without a p-value
    - `rho_age_reached`: the same on all clusters with a pseudotime in the space itself
    - `partial_rho_age`: `rho_age` given cluster size, number of pairs and depth
    - `rho_age_within_studies`: weighted mean over the studies; `rho_age_of_{study}`: within one; null:
      ages permuted within studies, |rho|
    - `rho_age_other_studies`: Spearman of a cluster's age with the mean age of its five nearest clusters
      of other studies, over clusters within the age range of other studies; independent of pseudotime;
      null: ages permuted within studies, one-sided
    - `rho_n_cells`, `rho_n_pairs`, `rho_n_counts`: correlation of pseudotime with these controls, without
      a p-value
    - `other_study_share`, `other_study_share_at_age`, `study_entropy`: mixing of studies among neighbors
      with the mean after permuting studies over clusters (of similar age), without a p-value
    - `components`, `reached`: numbers of connected components, and of clusters with a pseudotime
    """
    design, left_out = design_of(views, clusters, settings, usable)
    count, first = len(clusters), views[0].space
    age = ages_of(clusters)
    rows = {} if first.root is None else age_statistics(design, age, settings, seed, cells)
    rows |= _mixing(design.views, design.study, age, seed)
    for view in views:
        name = view.space.name
        if name in left_out:
            rows[name, "rho_age"] = Tested(np.nan, note=left_out[name])
        rows[name, "components"] = Tested(float(view.space.diffusion.component.max(initial=-1) + 1), n=count)
        rows[name, "reached"] = Tested(float(np.isfinite(view.space.pseudotime).sum()), n=count)
    order = [*(view.space.name for view in views), *CONTROLS]
    return statistics_table({key: rows[key] for key in sorted(rows, key=lambda key: order.index(key[0]))})


def design_of(
    views: Sequence[Viewed],
    clusters: pd.DataFrame,
    settings: LandscapeSettings,
    usable: np.ndarray | None = None,
) -> tuple[Design, dict[str, str]]:
    """Select the clusters on which the spaces are compared.

    Parameters
    ----------
    views, clusters, settings, usable
        See :func:`compare_spaces`.

    Returns
    -------
    The design, and the excluded spaces with reasons.
    """
    kept, common, left_out = comparable_views(views)
    code, names = pd.factorize(clusters["study"])
    age = ages_of(clusters)
    controls = {name: clusters[name].to_numpy(dtype=np.float64) for name in CONTROLS if name in clusters}
    usable = np.ones(len(clusters), dtype=bool) if usable is None else usable
    design = Design(
        kept,
        common,
        code,
        list(map(str, names)),
        {name: values for name, values in controls.items() if np.isfinite(values).all()},
        Roots.of(settings, views[0].space.root, clusters["n_cells"].to_numpy(), usable),
        settings.n_maps,
        settings.clip,
        nearest_others(kept, code, np.isfinite(age)) if len(names) > 1 and np.isfinite(age).any() else {},
    )
    return design, left_out


def ages_of(clusters: pd.DataFrame) -> np.ndarray:
    """Return the mean ages of the clusters, (n_clusters,), NaN where unknown."""
    return clusters[AGE].to_numpy(dtype=np.float64) if AGE in clusters else np.full(len(clusters), np.nan)


def statistics_table(rows: Mapping[tuple[str, str], Tested]) -> pd.DataFrame:
    """Return statistics as rows of ``statistics.tsv``."""
    records = [
        {"space": space, "statistic": name, **{key: getattr(row, key) for key in COLUMNS[2:]}}
        for (space, name), row in rows.items()
    ]
    return pd.DataFrame(records, columns=list(COLUMNS))


def _mixing(views: Sequence[Viewed], study: np.ndarray, age: np.ndarray, seed: int) -> dict:
    """Return the mixing of studies on the clusters that have neighbours in all spaces."""
    if len(np.unique(study)) < 2:
        return {}
    linked = np.all([(view.space.neighbours.index >= 0).any(axis=1) for view in views], axis=0)
    return {
        (view.space.name, name): row
        for view in views
        for name, row in _mixing_of(view.space.name, view.space.neighbours.index, linked, study, age, seed)
    }


def _mixing_of(space: str, index, linked, study, age, seed) -> Iterator[tuple[str, Tested]]:
    links = neighbour_links(np.where(linked[:, None], index, -1))
    number = int(linked.sum())
    share = other_study_share(links, study)
    note = "no p-value: clusters of a study share cells"
    yield "other_study_share", Tested(share, null_mean=expected_share(links, study), n=number, note=note)
    rng = stream(seed, "landscape", space, "study_entropy")
    entropy, expected = study_entropy(links, study), expected_entropy(links, study, rng)
    yield "study_entropy", Tested(entropy, null_mean=expected, n=number, note=note)
    if np.isfinite(age).any():
        expected = expected_share(links, study, age_bins(age))
        yield "other_study_share_at_age", Tested(share, null_mean=expected, n=number, note=note)
