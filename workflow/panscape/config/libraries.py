"""Check of the gene set libraries that a configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from panscape.data.gene_sets import read_gene_sets
from panscape.errors import Problem, UserError


def problems(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems of the gene set libraries that exist, each library once."""
    named: dict[str, str] = {}
    for stage in ("dictionary", "features", "networks"):
        for at, path in enumerate(config.get(stage, {}).get("gene_sets") or []):
            named.setdefault(path, f"{stage}.gene_sets[{at}]")
    for path, where in named.items():
        if Path(path).is_file():
            try:
                read_gene_sets(path)
            except UserError as error:
                yield from (
                    Problem(f"{where} ({item.where})", item.what, item.fix) for item in error.problems
                )
