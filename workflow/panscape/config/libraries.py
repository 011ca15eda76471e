"""Gene set libraries and known networks that a configuration names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from panscape.data.gene_sets import named_paths, read_gene_sets
from panscape.errors import Problem, UserError


def problems(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems of the gene set libraries that exist, each library once."""
    named: dict[str, str] = {}
    for stage in ("dictionary", "features", "networks"):
        libraries = config.get(stage, {}).get("gene_sets") or []
        for at, library in enumerate(libraries):
            path = library["path"] if isinstance(library, Mapping) else library
            named.setdefault(path, f"{stage}.gene_sets[{at}]")
        try:
            named_paths(libraries)
        except UserError as error:
            yield from (Problem(f"{stage}.gene_sets", item.what, item.fix) for item in error.problems)
    for path, where in named.items():
        if Path(path).is_file():
            try:
                read_gene_sets(path)
            except UserError as error:
                yield from (
                    Problem(f"{where} ({item.where})", item.what, item.fix) for item in error.problems
                )


def name_networks(config: dict[str, Any]) -> None:
    """Name known networks without a name after their files, in place.

    Examples
    --------
    >>> config = {"overlap": {"networks": [{"name": None, "path": "known/string_human.tsv.gz"}]}}
    >>> name_networks(config)
    >>> config["overlap"]["networks"][0]["name"]
    'string-human'
    """
    for at, network in enumerate(config.get("overlap", {}).get("networks") or []):
        if network.get("name") is None:
            stem = Path(network["path"]).name.split(".")[0]
            network["name"] = re.sub(r"[^A-Za-z0-9-]+", "-", stem).strip("-") or f"network-{at + 1}"
