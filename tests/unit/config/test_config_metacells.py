"""What has to fit between samples, their metacells as studies, and the report."""

import pytest

from panscape.config import studies as inputs
from panscape.config.inputs import check_inputs
from panscape.config.load import load
from panscape.errors import UserError

SAMPLE = {"id": "multi", "simulated": "multi", "use": ["metacells"]}
DRAWN = {"multiome": [{"name": "multi", "cells": 300}]}


def loaded(*studies, **more):
    return load({"collection": "c", "studies": [SAMPLE, *studies], "simulation": DRAWN, **more})


def test_metacells_are_a_study_read_from_the_samples_sums():
    config = loaded(
        {"id": "summed", "metacells": "multi"},
        {"id": "open", "metacells": {"sample": "multi", "modality": "activity"}},
    )
    located = inputs.located(config, "summed")
    assert located["path"] == "results/c/metacells/multi/metacells.h5mu"
    assert (located["format"], located["counts"], located["modality"]) == ("h5mu", "layer:counts", "rna")
    assert inputs.located(config, "open")["modality"] == "activity"
    assert inputs.size(config, "summed").cells == 300 // 75 + 1
    check_inputs({**config, "landscape": {**config["landscape"], "root": "none"}})


def test_a_simulated_sample_is_an_h5mu_file_with_peaks():
    config = loaded()
    assert inputs.path(config, "multi") == "resources/c/simulated/multi.h5mu"
    assert inputs.paired_size(config, "multi").values > inputs.size(config, "multi").values
    assert inputs.used_by(config, "metacells") == ["multi"] and inputs.used_by(config, "landscape") == []


@pytest.mark.parametrize(
    ("studies", "more", "message"),
    [
        ([{"id": "m", "metacells": "mult"}], {}, "there are no metacells of 'mult' -> write multi"),
        (
            [{"id": "m", "metacells": "multi"}],
            {"metacells": {"pool": True}},
            "no metacells of 'multi' -> write pooled",
        ),
        ([{"id": "m", "metacells": "multi", "path": "x.h5ad"}], {}, "path and metacells are given together"),
        (
            [{"id": "m", "metacells": "multi", "use": ["metacells"]}],
            {},
            "cannot be grouped into metacells again",
        ),
        ([{"id": "m", "path": "x", "atac": {"path": "y", "only": True}}], {}, "both path and only are given"),
        (
            [],
            {"metacells": {"k": "sweep", "size_sweep": []}},
            "metacells.k: is sweep, but there are no sizes",
        ),
        ([], {"metacells": {"k": 1}}, "metacells.k: found 1"),
        ([], {"metacells": {"embeding": "rna"}}, "did you mean 'embedding'"),
    ],
)
def test_what_does_not_fit(studies, more, message):
    with pytest.raises(UserError) as error:
        loaded(*studies, **more)
    assert message in str(error.value)


def test_a_report_of_metacells_without_a_sample():
    study = {"id": "a", "path": "a.h5ad"}
    with pytest.raises(UserError, match=r"report.metacells: is on, but no study takes part in metacells"):
        load({"collection": "c", "studies": [study], "report": {"metacells": True}})
