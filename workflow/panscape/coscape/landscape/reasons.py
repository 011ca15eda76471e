"""Reasons for undefined statistics of age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.coscape.landscape.age import MIN_SHARED, Design, evaluate_spaces


@dataclass(frozen=True)
class Reasons:
    """Explanation of missing statistics.

    Parameters
    ----------
    design
        Clusters and spaces to compare.
    age
        (n_clusters,) observed ages.
    """

    design: Design
    age: np.ndarray

    def of(self, space: str, statistic: str) -> str:
        """Return the reason why a statistic has no value, in one sentence."""
        if statistic == "rho_age_other_studies":
            return self._other_studies(space)
        root = self.design.roots.choose(self.age[None, :])[0]
        reached = self.design.common == self.design.common[root]
        study = statistic.removeprefix("rho_age_of_")
        if study != statistic:
            reached &= self.design.study == self.design.study_names.index(study)
        where = f"the clusters of {study}" if study != statistic else "the clusters that all spaces reach"
        if statistic == "rho_age_within_studies":
            where = "the clusters of each study"
            groups = [reached & (self.design.study == code) for code in range(len(self.design.study_names))]
        else:
            groups = [reached]
        if statistic.startswith("rho_n_"):
            return f"{statistic.removeprefix('rho_')} or pseudotime does not vary over {where}"
        return f"{self._lacking(groups)} {where}"

    def _lacking(self, groups) -> str:
        aged = [self.age[group & np.isfinite(self.age)] for group in groups]
        if not any(len(ages) for ages in aged):
            return "no ages are known of"
        if all(len(ages) < 3 for ages in aged):
            return "fewer than 3 ages are known of"
        if all(len(np.unique(ages)) < 2 for ages in aged):
            return "age does not vary over"
        return "nothing is left to correlate over"

    def _other_studies(self, space: str) -> str:
        count = evaluate_spaces(self.design, self.age[None, :], None, ("within",))[1][
            space, "rho_age_other_studies"
        ]
        if count == 0:
            return "the studies share no ages"
        if count < MIN_SHARED:
            return f"only {count} clusters have ages that other studies have, too"
        return "age does not vary over the clusters whose ages other studies have, too"
