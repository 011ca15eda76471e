"""Columns that settings of stages name: studies have to map them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from panscape.errors import Problem, nearest

# key, analysis (`use`) whose studies map the column, values with a meaning of their own, whether all have to
COLUMNS = (
    ("coem.batch_key", "metacells", ("auto",), True),
    ("coem.condition_on", "metacells", (), True),
    ("features.label", "unicoord", ("cell_type",), False),
    ("features.unit", "unicoord", ("auto",), False),
)
_MADE = frozenset(("study", "n_counts", "n_genes", "mito_share", "ribo_share"))  # columns of quality control


def columns(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield settings that name a column which no study of the analysis, or not every one, maps.

    Parameters
    ----------
    config
        The valid part of a configuration.
    studies
        Number and settings of the valid studies.
    """
    for key, analysis, words, everywhere in COLUMNS:
        section, name = key.split(".")
        value = config.get(section, {}).get(name)
        used = [study for _, study in studies if analysis in study["use"]]
        made = _MADE | ({"sample"} if config.get("metacells", {}).get("pool") else set())
        if value is None or value in words or value in made or not used:
            continue
        lacking = [study["id"] for study in used if value not in study["obs"]]
        if not lacking or (not everywhere and len(lacking) < len(used)):
            continue
        known = list(dict.fromkeys(column for study in used for column in study["obs"]))
        guess = nearest(value, [*known, *words])
        advice = f"did you mean {guess!r}? " if guess else ""
        advice += (
            f"map it in studies[].obs ({', '.join(known) or 'nothing'} mapped), or write {_other(words)}"
        )
        what = f"no study of {analysis} maps a column {value!r}"
        if len(lacking) < len(used):
            what = f"study {lacking[0]!r} maps no column {value!r}"
        yield Problem(key, what, advice)


def _other(words: tuple[str, ...]) -> str:
    return " or ".join((*words, "null"))
