"""Damaged configurations end in a message, or are used as they stand: thousands of seeded mutants.

``make test`` tries a few; ``make test-fuzz`` (PANSCAPE_FUZZ, the number of mutants) many more.
"""

from __future__ import annotations

import copy
import os
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from configurations import SECRET, bases, text_of, values_of

from panscape.config import figures
from panscape.config.check import read
from panscape.config.inputs import look_at_inputs
from panscape.config.load import load
from panscape.data import limits
from panscape.data.size import Size
from panscape.errors import UserError
from panscape.pipeline.resources import FORMULAS, needs

SEED = int(os.environ.get("PANSCAPE_FUZZ_SEED", "0"))
MUTANTS = int(os.environ.get("PANSCAPE_FUZZ", "400"))
SECONDS, LONGEST = 20, 3000  # of CPU time for one mutant; characters of one problem
SIZES = [Size(cells=1000, genes=2000, values=300_000)]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(limits, "_current", limits.Limits())


def _planned(config: dict) -> None:
    """Evaluate what a plan is made from."""
    figures.landscape(config)
    for rule in FORMULAS:
        for resource in ("mem_mb", "runtime"):
            amount = needs(rule, resource, SIZES, config)
            assert 0 < amount < 10**15, f"{rule} asks for {amount}"


def _used() -> float:
    """Return the CPU time (s) of this process and its children: a busy machine is no fault of a mutant."""
    return sum(os.times()[:4])


def _outcome(make) -> tuple[str, str]:
    """Return what a configuration comes to (error or valid), and what is wrong with that."""
    begun = _used()
    try:
        config = load(make())
        wrong = "" if load(copy.deepcopy(config)) == config else "loading twice gives another result"
        _planned(config)
        if config["collection"] == "t":
            look_at_inputs(config)
        kind = "valid"
    except UserError as error:
        kind, wrong = "error", _message(error)
    except Exception:
        kind, wrong = "traceback", traceback.format_exc()[-3000:]
    took = _used() - begun
    return kind, wrong or (f"took {took:.0f} s" if took > SECONDS else "")


def _message(error: UserError) -> str:
    """Return what is wrong with an error, empty if nothing is."""
    for problem in error.problems:
        text = str(problem)
        if not problem.where or not problem.what:
            return f"no place or text: {text!r}"
        if len(text) > LONGEST:
            return f"{len(text)} characters: {text[:300]}"
        if SECRET in text:
            return f"a secret: {text}"
        if "the check of the input files" in text:
            return text
    return ""


@pytest.mark.parametrize("name", ["file", "config/demo.yaml", "tests/workflow/tiny.yaml"])
@pytest.mark.parametrize("way", ["values", "text"])
def test_damage_is_told_or_used(tmp_path: Path, monkeypatch, name: str, way: str):
    monkeypatch.chdir(tmp_path)
    text = bases(tmp_path)[name]
    rng = np.random.default_rng([SEED, len(name), len(way)])
    assert _outcome(lambda: yaml.safe_load(text)) == ("valid", "")
    faults, numbers = [], Counter()
    total = max(-(-MUTANTS // 6), 10)
    for number in range(total):
        if way == "values":
            what, config = values_of(yaml.safe_load(text), rng)
            kind, wrong = _outcome(lambda config=config: config)
        else:
            what, content = text_of(text, rng)
            Path("mutant.yaml").write_bytes(content)
            kind, wrong = _outcome(lambda: read(["mutant.yaml"]))
        numbers[kind] += 1
        if wrong:
            faults.append(f"{number}: {what}: {kind}: {wrong}")
    assert not faults, f"{dict(numbers)}\n" + "\n".join(faults[:40])
    assert total < 30 or numbers["error"] > total / 5  # the damage is real
