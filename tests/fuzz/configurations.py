"""Seeded damage of configurations: of values, of keys, and of the text of the YAML."""

from __future__ import annotations

import copy
import datetime
import itertools
import reprlib
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import yaml
from mutants import bytes_of, lines_of
from scipy import sparse

from panscape.config.schema import schema, walk
from panscape.data.known_genes import common_symbols

Random = np.random.Generator
ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t"


def _deep(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


def _wide() -> list:
    value: list = ["x"] * 9
    for _ in range(8):
        value = [value] * 9
    return value


def _loop() -> list:
    value: list = []
    value.append(value)
    return value


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 0.5, -0.5, 1e-300, 1e308, float("nan"), float("inf"), 10**30, -(10**30),
    2**63, "", " ", "x", "0", "1e3", "yes", "null", "é", "\0", "\ud800", "\n", "x" * 5000, "d/" * 2500,
    "ab" * 40, "=1+1", "-", "*", "auto", "all", "none", "missing", "best", "X", "raw", "layer:x", "age",
    "../..", "/dev/zero", "/", "~", "~nobody-x/a", "${NOPE}", "${HOME}/x", "(a+)+$", "(" * 400, "(", "[a-",
    "a{99999999999999}", "(?i)^mt-", "not " * 5000 + "a", "(" * 3000, "k == 'a'", "k ==", "k = 1", "k in []",
    "`", "r1-l1-c0", f"https://me:{SECRET}@example.org/a.h5ad?sig={SECRET}", "http://[::1/a", "http://e.org:x/a",
    "0" * 64, "human", "mouse", "martian", [], {}, [None], [1, 2], [2, 1], ["x"], ["x", "x"], [[]], [{}],
    {"x": 1}, {1: 2}, {None: 1}, {"x": {"y": []}}, {"column": "k"}, {"value": "x"}, b"x",
    datetime.date(2020, 1, 1), (1, 2), {1, 2}, 1j, _deep(80), _deep(400), _wide(), _loop(), list(range(2000)),
    {f"k{i}": i for i in range(2000)},
]  # fmt: skip


def bases(folder: Path) -> dict[str, str]:
    """Return configurations to damage, as YAML; one is of a file, which is written to the folder."""
    rng = np.random.default_rng(0)
    genes = sorted(common_symbols("human"))[:40]
    obs = pd.DataFrame(
        {"k": ["a", "b"] * 40, "t": rng.choice([1.0, 2.0], 80)}, index=[f"c{i}" for i in range(80)]
    )
    counts = sparse.csr_matrix(rng.poisson(5, (80, 40)).astype(np.float32))
    ad.AnnData(counts, obs, pd.DataFrame(index=genes)).write_h5ad(folder / "a.h5ad")
    (folder / "s.csv").write_text("cell,sample\n" + "".join(f"c{i},A\n" for i in range(80)))
    (folder / "n.tsv").write_text(
        "a\tb\n" + "\n".join(f"{one}\t{two}" for one, two in itertools.pairwise(genes))
    )
    study = {
        "id": "a", "path": str(folder / "a.h5ad"), "keep": "k in ['a', 'b'] and not (t > 5)",
        "metadata": {"path": str(folder / "s.csv"), "strip": "-1$"}, "qc": {"min_genes": 1},
        "obs": {"age": {"column": "t", "unit": "days"}, "cell_type": {"column": "k", "values": {"b": "c"}}},
    }  # fmt: skip
    of_file = {
        "collection": "t", "species": "human", "studies": [study], "landscape": {"root": "none"},
        "preprocess": {"min_genes": 0, "exclude_genes": ["mitochondrial", "^HB"], "mito_pattern": "^MT-"},
        "overlap": {"networks": [{"name": "n", "path": str(folder / "n.tsv")}]}, "panclust": {"min_cells": 3},
    }  # fmt: skip
    texts = {name: (ROOT / name).read_text() for name in ("config/demo.yaml", "tests/workflow/tiny.yaml")}
    return {"file": yaml.safe_dump(of_file), **texts}


def _places(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the paths of all values inside a configuration."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in inside for place in [(*path, key), *_places(inner, (*path, key))]]


KEYS = {path.replace("[]", ".0"): part for path, part in walk(schema())}


def _schema_place(rng: Random) -> tuple[tuple, Any]:
    """Return the path of any key of the schema, in the first item of lists, and a value of its type."""
    text = str(rng.choice(list(KEYS)))
    path = tuple(int(part) if part == "0" else "k" if part[:1] == "<" else part for part in text.split("."))
    return path, _fitting(KEYS[text], rng)


def _fitting(part: dict, rng: Random) -> Any:
    """Return a value of the type that the schema asks for, at or beyond the ends of its range."""
    if "enum" in part:
        return part["enum"][int(rng.integers(len(part["enum"])))]
    kinds = part.get("type", "string")
    kind = str(rng.choice(kinds)) if isinstance(kinds, list) else kinds
    low, high = part.get("minimum", part.get("exclusiveMinimum", 0)), part.get("maximum", 10**6)
    numbers = [low, low + 1, high, high - 1, 2, 3, 10, 1000, 10**9, 10**15]
    if kind == "integer":
        return int(numbers[int(rng.integers(len(numbers)))])
    if kind == "number":
        return float([*numbers, 0.5, 1e-9, 0.999, 1e15][int(rng.integers(len(numbers) + 4))])
    if kind == "array":
        items = part.get("items", {})
        return [_fitting(items, rng) for _ in range(int(rng.integers(4)))]
    words = ["k", "t", "a", "age", "cell_type", "early", "n", "auto", "^MT-", "k == 'a'"]
    return {"boolean": bool(rng.random() < 0.5), "null": None, "object": {}}.get(kind, str(rng.choice(words)))


def _put(config: Any, path: tuple, value: Any) -> bool:
    """Set a value inside, making mappings on the way; return whether that was possible."""
    for key, after in itertools.pairwise(path):
        if isinstance(config, dict):
            config = config.setdefault(key, [{}] if after == 0 else {})
        elif isinstance(config, list) and isinstance(key, int) and key < len(config):
            config = config[key]
        else:
            return False
    fits = isinstance(config, dict) or (isinstance(config, list) and path[-1] in range(len(config)))
    if fits:
        config[path[-1]] = value
    return fits


def values_of(config: dict, rng: Random) -> tuple[str, dict]:
    """Return what was done, and a configuration with one to three values or keys damaged."""
    places = _places(config)  # before the damage, which may have no end
    config, done = copy.deepcopy(config), []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        path, value = _schema_place(rng)
        if rng.random() < 0.5:
            value = VALUES[int(rng.integers(len(VALUES)))]
        if rng.random() < 0.4:
            path = places[int(rng.integers(len(places)))]
        kind = str(rng.choice(["put", "put", "put", "drop", "rename", "swap", "copy"]))
        other = places[int(rng.integers(len(places)))]
        parent = _at(config, other[:-1])
        if kind == "put":
            kind = f"{reprlib.repr(value)} as" if _put(config, path, value) else "nothing at"
            other = path
        elif parent is None or not isinstance(parent, dict | list) or _at(config, other) is None:
            kind = "nothing at"
        elif kind == "drop":
            del parent[other[-1]]
        elif kind == "rename" and isinstance(parent, dict):
            name = value if isinstance(value, str | int | float | None) else f"{other[-1]}x"
            parent[name] = parent.pop(other[-1])
        else:
            kind = f"{path} becomes a copy of"
            _put(config, path, copy.deepcopy(parent[other[-1]]))
        done.append(f"{kind} {other}")
    return "; ".join(done), config


def _at(config: Any, path: tuple) -> Any:
    """Return the value at a path, None if there is none any more."""
    for key in path:
        try:
            config = config[key]
        except (LookupError, TypeError):
            return None
    return config


def text_of(text: str, rng: Random) -> tuple[str, bytes]:
    """Return what was done, and the text of a YAML file with bytes or lines damaged, or attacks added."""
    content = text.encode()
    kind = str(rng.choice(["bytes", "lines", "lines", "attack"]))
    if kind == "bytes":
        return bytes_of(content, rng)
    if kind == "lines":
        return lines_of(content, rng)
    bomb = [b"z%d: &z%d [%s]\n" % (at, at, b",".join([b"*z%d" % (at - 1)] * 9)) for at in range(1, 9)]
    attacks = {
        "utf-16": text.encode("utf-16"),
        "latin-1": b"# caf\xe9\n" + content,
        "template": b"__use_yte__: true\n" + content,
        "bom": b"\xef\xbb\xbf" + content,
        "tabs": content.replace(b"  ", b"\t"),
        "crlf": content.replace(b"\n", b"\r\n"),
        "loop": content + b"zz: &a [*a]\n",
        "bomb": content + b"z0: &z0 [x]\n" + b"".join(bomb),
        "twice": content + content,
        "deep": content + b"zz: " + b"[" * 3000,
        "tag": content + b"zz: !!python/object/apply:os.system [true]\n",
        "two": content + b"---\na: 1\n",
        "merge": content.replace(b"collection:", b"<<: {seed: x}\ncollection:"),
        "list": b"- " + content[:50],
    }
    name = str(rng.choice(sorted(attacks)))
    return name, attacks[name]
