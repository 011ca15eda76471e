"""Gene set libraries and known networks that a configuration names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from panscape.data.edge_lists import read_network
from panscape.data.gene_sets import MITOCHONDRIAL, named_paths, read_gene_sets
from panscape.errors import Problem, UserError

HEAD = 200_000  # lines of a known network that are read before the run, which takes a third of a second


def problems(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems of gene set libraries, each once, and of known networks, as far as they exist."""
    named: dict[str, str] = {}
    for stage in ("dictionary", "features", "networks"):
        libraries = config.get(stage, {}).get("gene_sets") or []
        for at, library in enumerate(libraries):
            path = library["path"] if isinstance(library, Mapping) else library
            named.setdefault(path, f"{stage}.gene_sets[{at}]")
        try:
            own = named_paths(libraries)
            if MITOCHONDRIAL in own and config[stage].get("mito_set"):
                what = f"{own[MITOCHONDRIAL]} is called {MITOCHONDRIAL!r}, as the set of {stage}.mito_set"
                advice = (
                    f"give it another name: {{name: ..., path: ...}}, or write {stage}: {{mito_set: false}}"
                )
                yield Problem(f"{stage}.gene_sets", what, advice)
        except UserError as error:
            yield from (Problem(f"{stage}.gene_sets", item.what, item.fix) for item in error.problems)
    for path, where in named.items():
        yield from _problems(path, where, read_gene_sets)
    for at, network in enumerate(config.get("overlap", {}).get("networks") or []):
        read = partial(read_network, name=network["name"], lines=HEAD)
        yield from _problems(network["path"], f"overlap.networks[{at}]", read)


def _problems(path: str, where: str, read: Callable[[str], object]) -> Iterator[Problem]:
    """Yield what is wrong with a file if it exists."""
    if not Path(path).is_file():
        return
    try:
        read(path)
    except UserError as error:
        yield from (Problem(f"{where} ({item.where})", item.what, item.fix) for item in error.problems)


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
