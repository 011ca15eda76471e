"""Regular expressions of users end in time, and wrong ones in a message."""

from __future__ import annotations

import re
import signal
import threading
import time

import pandas as pd
import pytest

from panscape.config.load import load
from panscape.data import limits
from panscape.data.expressions import LONGEST, compiled, fault, found_in, without
from panscape.data.readers.barcodes import Rule
from panscape.errors import UserError
from panscape.preprocess.patterns import exclusions, gene_group

SLOW = r"^(A+)+$"
NAME = "A" * 40 + "!"


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(limits, "_current", limits.Limits(pattern_seconds=0.2))


@pytest.mark.parametrize(
    "match, where",
    [
        (lambda: gene_group([NAME], SLOW, "preprocess.mito_pattern"), "preprocess.mito_pattern"),
        (lambda: exclusions([NAME], [SLOW], "human"), r"preprocess.exclude_genes\[0\]"),
        (lambda: Rule.of({"strip": SLOW}, "s.metadata").apply(pd.Index([NAME])), "s.metadata.strip"),
    ],
)
def test_an_expression_that_takes_forever_is_ended(short, match, where):
    begun = time.monotonic()
    handler = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(
        UserError, match=rf"{where}: .*takes more than 0.2 s to match -> .*limits.pattern_sec"
    ):
        match()
    assert time.monotonic() - begun < 30
    assert signal.getsignal(signal.SIGVTALRM) is handler
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_limit_is_per_hundred_thousand_names(monkeypatch):
    from panscape.data import expressions

    used = []
    monkeypatch.setattr(expressions.signal, "setitimer", lambda which, seconds: used.append(seconds))
    names = ["MT-1", "SOX2"] * 125_000
    assert found_in(names, re.compile("^MT"), "x").sum() == 125_000
    assert used == [10, 0] * 3
    assert without(names, re.compile("-1$"), "x")[-2:] == ["MT", "SOX2"]


def test_other_threads_have_no_limit():
    results = []
    thread = threading.Thread(target=lambda: results.append(found_in(["MT-1"], re.compile("^MT"), "x")))
    thread.start()
    thread.join()
    assert results[0].tolist() == [True]


@pytest.mark.parametrize(
    "expression, why",
    [
        ("(", "missing"),
        ("a{99999999999999999999}", "repetition number"),
        ("(" * 490 + ")" * 490, "nested too deeply"),
        ("a" * (LONGEST + 1), "1,001 characters, more than 1,000"),
    ],
)
def test_texts_that_are_no_expressions(expression, why):
    if "nested" not in why or fault(expression):  # whether it is too deep depends on the caller's depth
        assert why in fault(expression)
        with pytest.raises(UserError, match=why) as caught:
            compiled(expression, "key", "write another")
        assert len(str(caught.value)) < 300
    else:
        assert compiled(expression, "key", "write another").search("")


@pytest.mark.parametrize("key", ["mito_pattern", "exclude_genes", "strip"])
def test_all_are_told_before_a_run(key):
    study = {"id": "a", "path": "a.h5ad"}
    raw: dict = {"collection": "a", "studies": [study]}
    if key == "strip":
        study["metadata"] = {"path": "s.csv", "strip": "("}
    else:
        raw["preprocess"] = {key: ["("] if key == "exclude_genes" else "("}
    with pytest.raises(UserError, match=f"{key}.*regular expression"):
        load(raw)
