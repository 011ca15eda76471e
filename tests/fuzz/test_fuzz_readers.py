"""Damaged files end in a clear error, or are read as they were: thousands of seeded mutants of every format.

``make test`` tries a few of each format; ``make test-fuzz`` (PANSCAPE_FUZZ, the number of mutants) many more.
PANSCAPE_FUZZ_SEED gives other mutants, PANSCAPE_FUZZ_LOG a file with a line for each.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from mutants import damage
from originals import FORMATS, write
from outcomes import fault, outcomes, same

from panscape.data import limits

SEED = int(os.environ.get("PANSCAPE_FUZZ_SEED", "0"))
MUTANTS = int(os.environ.get("PANSCAPE_FUZZ", "400"))
BATCH = 25


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(limits, "_current", limits.Limits(check_minutes=0.5, check_memory_gb=4))


def _log(lines: list[str]) -> None:
    if path := os.environ.get("PANSCAPE_FUZZ_LOG"):
        with open(path, "a", errors="replace") as file:
            file.writelines(f"{line}\n" for line in lines)


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_is_told_or_without_effect(tmp_path: Path, kind: str):
    study = write(kind, tmp_path / "original")
    (original,) = outcomes([study])
    assert original.kind == "data", original.text
    rng = np.random.default_rng([SEED, FORMATS.index(kind)])
    faults, numbers, lines = [], Counter(), []
    total = -(-MUTANTS // len(FORMATS))
    for start in range(0, total, BATCH):
        made, done = [], []
        for number in range(start, min(start + BATCH, total)):
            folder = tmp_path / f"mutant{number}"
            shutil.copytree(tmp_path / "original", folder)
            done.append((folder, damage(folder, rng)))
            made.append({**study, "path": study["path"].replace(str(tmp_path / "original"), str(folder))})
        for (folder, what), result in zip(done, outcomes(made), strict=True):
            wrong = fault(result, original, folder)
            named = "equal" if same(result, original) else result.kind
            numbers[named] += 1
            lines.append(f"{kind}\t{what}\t{named}\t{' '.join((wrong or result.text).split())}")
            if wrong:
                faults.append(f"{folder.name}: {what}: {wrong}")
            shutil.rmtree(folder)
    _log(lines)
    assert not faults, f"{kind}: {dict(numbers)}\n" + "\n".join(faults)
    assert (
        total < 30 or numbers["error"] > total / 4
    )  # the damage is real; a few mutants may happen to be harmless
