"""Every mistake that the configuration alone gives away: its key, what was found, what to write."""

import datetime
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.config.load import load
from panscape.config.schema import schema, walk
from panscape.errors import UserError

SHA = "0" * 64


def collection(*studies, **more):
    return {"collection": "demo", "studies": list(studies) or [{"id": "a", "path": "a.h5ad"}], **more}


def one(**keys):
    return collection({"id": "a", "path": "a.h5ad", **keys})


def message(raw):
    with pytest.raises(UserError) as caught:
        load(raw)
    return str(caught.value)


CASES = {
    "no collection": ({"studies": [{"id": "a", "path": "a"}]}, "collection: is missing -> write letters"),
    "nothing at all": ({}, "studies: is missing -> write at least one study, e.g. {id: lab1"),
    "not a mapping": ([1, 2], "configuration: found a list of 2"),
    "no studies": (
        {"collection": "x", "studies": []},
        "studies: the list is empty -> write at least one study",
    ),
    "studies left blank": (
        {"collection": "x", "studies": None},
        "studies: found nothing (null) -> write at least one",
    ),
    "studies as mapping": (
        {"collection": "x", "studies": {"a": 1}},
        "studies: found a mapping with the keys a",
    ),
    "duplicate id": (
        collection({"id": "a", "path": "x"}, {"id": "b", "path": "y"}, {"id": "a", "path": "z"}),
        "studies[2].id (study 'a'): 'a' is also the id of studies[0] -> give each study a different name",
    ),
    "ids that differ in case": (
        collection({"id": "Lab", "path": "x"}, {"id": "lab", "path": "y"}),
        "studies[1].id (study 'lab'): 'lab' and 'Lab' differ in case only",
    ),
    "slash in id": (
        collection({"id": "lab/1", "path": "x"}),
        "studies[0].id (study 'lab/1'): found 'lab/1' (text) -> write letters, digits and hyphens only",
    ),
    "dots in id": (
        collection({"id": "..", "path": "x"}),
        "found '..' (text) -> write letters, digits and hyphens",
    ),
    "newline in id": (collection({"id": "a\n", "path": "x"}), r"found 'a\n' (text) -> write letters, digits"),
    "number as id": (collection({"id": 2017, "path": "x"}), "put it in quotes if '2017' is meant as text"),
    "yes as id": (
        collection({"id": True, "path": "x"}),
        "studies[0].id: found true (true/false) -> write letters",
    ),
    "no id": (
        collection({"path": "x"}),
        "studies[0].id: is missing -> write letters, digits and hyphens only",
    ),
    "collection with a path": (
        {**collection(), "collection": "../other"},
        "collection: found '../other' (text) -> write letters, digits and hyphens only",
    ),
    "unknown key": (collection(sede=3), "sede: unknown key -> did you mean 'seed'?"),
    "unknown key in a study": (
        one(fromat="h5ad"),
        "studies[0].fromat (study 'a'): unknown key -> did you mean 'format'?",
    ),
    "hyphen for underscore": (
        one(meta_data={}),
        "studies[0].meta_data (study 'a'): unknown key -> did you mean 'metadata'",
    ),
    "key in the wrong place": (
        collection(orientation="x"),
        "orientation: unknown key here -> it belongs to studies[].orient",
    ),
    "unknown key, no idea": (
        one(zzz=1),
        "studies[0].zzz (study 'a'): unknown key -> remove it; known here: id, path",
    ),
    "unknown format": (
        one(format="h5da"),
        "studies[0].format (study 'a'): found 'h5da' (text) -> did you mean 'h5ad'? write one of auto, h5ad",
    ),
    "unknown preset": (collection(preset="papr"), "preset: found 'papr' (text) -> did you mean 'paper'?"),
    "unknown species": (
        collection(species="Mus muscullus"),
        "species: 'Mus muscullus' is not the name of a known species -> did you mean 'mus musculus'?",
    ),
    "unknown counts": (
        one(counts="layers"),
        "studies[0].counts (study 'a'): found 'layers' (text) -> write X, raw, or",
    ),
    "no source": (
        collection({"id": "a"}),
        "studies[0] (study 'a'): no source is given -> write exactly one",
    ),
    "two sources": (
        one(url="https://e.org/a.h5ad", sha256=SHA),
        "studies[0] (study 'a'): path and url are given together -> write exactly one of path, url",
    ),
    "url without checksum": (
        collection({"id": "a", "url": "https://e.org/a.h5ad"}),
        "studies[0].sha256 (study 'a'): is missing; a url needs a checksum -> write the 64 digits",
    ),
    "short checksum": (
        collection({"id": "a", "url": "https://e.org/a.h5ad", "sha256": "abc"}),
        "studies[0].sha256 (study 'a'): found 'abc' (text) -> write the 64 digits (0-9, a-f)",
    ),
    "checksum without url": (
        one(sha256=SHA),
        "studies[0].sha256 (study 'a'): belongs to url, which is not given",
    ),
    "not a url": (
        collection({"id": "a", "url": "data/a.h5ad", "sha256": SHA}),
        "studies[0].url (study 'a'): found 'data/a.h5ad' (text) -> write a web address",
    ),
    "folder behind a url": (
        collection({"id": "a", "url": "https://e.org/a", "sha256": SHA, "format": "10x-mtx"}),
        "format 10x-mtx is a folder, a url is one file",
    ),
    "barcode without sheet": (
        one(metadata={"barcode": "cell"}),
        "studies[0].metadata.barcode (study 'a'): there is no metadata.path",
    ),
    "age without source": (
        one(obs={"age": {"unit": "days"}}),
        "studies[0].obs.age (study 'a'): neither column nor value is given",
    ),
    "age with both": (
        one(obs={"age": {"column": "t", "value": 3}}),
        "studies[0].obs.age (study 'a'): both column and value are given -> write one of them",
    ),
    "age as text": (
        one(obs={"age": {"value": "E10.5"}}),
        "studies[0].obs.age.value (study 'a'): found 'E10.5' (text) -> write a number",
    ),
    "age with text number": (
        one(obs={"age": {"value": "1e1"}}),
        "such as 10.0 (YAML parses 1e-3 as text, 1.0e-3 as a number)",
    ),
    "age without a unit beside one with": (
        collection(
            {"id": "a", "path": "x", "obs": {"age": {"column": "t", "unit": "days"}}},
            {"id": "b", "path": "y"},
            {"id": "c", "path": "z", "obs": {"age": {"value": 3}}},
        ),
        "studies[2].obs.age.unit (study 'c'): is missing, while the collection's ages are in days",
    ),
    "unknown unit": (
        one(obs={"age": {"column": "t", "unit": "day"}}),
        "studies[0].obs.age.unit (study 'a'): found 'day' (text) -> did you mean 'days'?",
    ),
    "no pattern": (
        collection(preprocess={"exclude_genes": ["ribosomal", "^HB["]}),
        "preprocess.exclude_genes[1]: '^HB[' is not a regular expression (unterminated",
    ),
    "no pattern for a key": (
        collection(preprocess={"mito_pattern": "("}),
        "preprocess.mito_pattern: found '(' (text) -> write a regular expression (missing ), unterminated",
    ),
    "sample larger than its limit": (
        collection(panclust={"sketch_above": 1000}),
        "panclust.sketch_cells: the sample of 500000 cells is larger than panclust.sketch_above (1000)",
    ),
    "resolution twice": (
        collection(panclust={"resolutions": [1, 0.5, 1.0]}),
        "panclust.resolutions: 1.0 occurs more than once -> write a list of at least 1, each once",
    ),
    "resolution zero": (
        collection(panclust={"resolutions": [1, 0]}),
        "panclust.resolutions[1]: found 0 -> write a number, above 0",
    ),
    "entries in the wrong order": (
        collection(dictionary={"k_range": [9, 2]}),
        "dictionary.k_range: the minimum (9) is larger than the maximum (2) -> write [2, 9]",
    ),
    "number of entries": (
        collection(dictionary={"k": "automatic"}),
        "dictionary.k: found 'automatic' (text) -> write a whole number, at least 1, or auto",
    ),
    "known network twice": (
        collection(overlap={"networks": [{"name": "ppi", "path": "x"}, {"name": "PPI", "path": "y"}]}),
        "overlap.networks[1].name: 'PPI' is also the name of overlap.networks[0]",
    ),
    "report of an overlap with nothing": (
        collection(report={"overlap": True}),
        "overlap.networks: there is no known network to report the overlap with",
    ),
    "root that is misspelt": (
        collection(landscape={"root": "lowest_age"}),
        "landscape.root: 'lowest_age' is not a cluster of any study (a) -> did you mean 'lowest-age'?",
    ),
    "root of another collection": (
        collection(landscape={"root": "b-all"}),
        "landscape.root: 'b-all' is not a cluster of any study (a) -> write lowest-age, none, a-all or",
    ),
    "root with a resolution as it is not written": (
        collection(landscape={"root": "a-r1.0-l0-c3"}),
        "landscape.root: 'a-r1.0-l0-c3': resolutions are written without trailing zeros (r1) -> did you mean "
        "'a-r1-l0-c3'?",
    ),
    "root at a resolution that is not used": (
        collection(landscape={"root": "a-r2-l0-c3"}),
        "landscape.root: 'a-r2-l0-c3': panclust.resolutions are 0.1, 1, 10 -> write a name such as a-r10-l0",
    ),
    "root that is no name": (
        collection(landscape={"root": "a-r1-c3"}),
        "landscape.root: 'a-r1-c3': is not the name of a cluster -> write a-all or a name such as a-r10",
    ),
    "root of another algorithm": (
        collection(landscape={"root": "a-r1-l0-c3"}, panclust={"algorithm": "ward"}),
        "landscape.root: 'a-r1-l0-c3': is not the name of a cluster -> write a-all or a name such as a-ward",
    ),
    "more studies than there are": (
        collection(preprocess={"present_in": 3}),
        "preprocess.present_in: is 3, but 1 studies take part in the landscape -> write majority, all, a",
    ),
    "one and a half studies": (
        collection(preprocess={"present_in": 1.5}),
        "preprocess.present_in: 1.5 is neither a fraction nor a number of studies -> write majority, all",
    ),
    "another word": (
        collection(preprocess={"present_in": "most"}),
        "preprocess.present_in: found 'most' (text) -> write majority, all, a fraction of the studies (0.7)",
    ),
    "smallest cluster of no size": (
        collection(panclust={"min_cells": "automatic"}),
        "panclust.min_cells: found 'automatic' (text) -> write a whole number, at least 1, or auto",
    ),
    "sample that is not mapped": (
        one(obs={"age": "day", "batch": "plate"}) | {"landscape": {"sample": "bach"}},
        "landscape.sample: study 'a' maps no column 'bach' -> did you mean 'batch'? map studies[0].obs.bach",
    ),
    "root left blank": (
        collection(landscape={"root": None}),
        "landscape.root: found nothing (null) -> write text",
    ),
    "column of our own": (
        one(obs={"n_genes": "x"}),
        "studies[0].obs.n_genes (study 'a'): the workflow adds a column of that name",
    ),
    "odd obs name": (
        one(obs={"cell type": "x"}),
        "studies[0].obs (study 'a'): the name 'cell type' is not valid -> write a letter",
    ),
    "phenotype that is not mapped": (
        one(obs={"line": "donor", "response": "resp"}) | {"networks": {"phenotypes": ["reponse"]}},
        "networks.phenotypes[0]: no study of lines has 'reponse' among its mapped columns -> did you",
    ),
    "report of lines without lines": (
        one(use=["landscape"]) | {"report": {"networks": True}},
        "report.networks: is on, but no study takes part in sivae -> write sivae in `use`",
    ),
    "filter that does not parse": (one(keep="tissue === 'x'"), "studies[0].keep (study 'a'"),
    "filter with a call": (one(keep="__import__('os').system('x')"), "studies[0].keep (study 'a'"),
    "wrong type in a section": (
        collection(preprocess=[1]),
        "preprocess: found a list of 1: [1] -> write a mapping",
    ),
    "seed below zero": (collection(seed=-1), "seed: found -1 -> write a whole number, at least 0"),
    "seed with a fraction": (collection(seed=1.5), "seed: found 1.5 -> write a whole number, at least 0"),
    "a number beyond all": (
        collection(unicoord={"n_epochs": 1e308}),
        "unicoord.n_epochs: found a number beyond",
    ),
    "a number too large": (
        collection(unicoord={"batch_size": 10**30}),
        "unicoord.batch_size: found 1e+30 -> write a number between -1e+15 and 1e+15",
    ),
    "a whole number of 5,000 digits": (
        collection(unicoord={"batch_size": 16**4200}),
        "unicoord.batch_size: found a number beyond 1e+300 -> write",
    ),
    "a number that is none": (collection(seed=float("nan")), "seed: found nan -> write a finite number"),
    "a date": (
        one(obs={"age": {"value": datetime.date(2024, 1, 1)}}),
        "found 2024-01-01, which YAML parses as a date",
    ),
    "a key that is no text": (
        one(obs={True: "x"}),
        "studies[0].obs (study 'a'): the key True is not text -> write it in quotes",
    ),
    "unknown simulated study": (
        collection({"id": "a", "simulated": "nobody"}),
        "studies[0].simulated (study 'a'): simulation.studies has no 'nobody' -> write one of",
    ),
    "unknown limit of a study": (
        one(qc={"min_gene": 3}),
        "studies[0].qc.min_gene (study 'a'): unknown key -> did you mean 'min_genes'?",
    ),
    "wrong limit of a study": (
        one(qc={"min_genes": "many"}),
        "studies[0].qc.min_genes (study 'a'): found 'many' (text) -> write",
    ),
}


@pytest.mark.parametrize("raw, expected", CASES.values(), ids=CASES)
def test_bad_configuration(raw, expected):
    assert expected in message(raw)


def test_all_problems_come_at_once():
    raw = collection({"id": "a", "pth": "x"}, {"id": "a", "path": 3}, {"id": "c"}, sede=1, preset="x")
    text = message(raw)
    assert text.startswith("6 problems:")
    for part in (
        "sede",
        "preset",
        "studies[0].pth",
        "studies[1].path",
        "studies[1].id",
        "studies[2] (study 'c')",
    ):
        assert f"- {part}" in text


def test_items_are_told_in_order():
    raw = collection(*({"id": f"s{number}", "path": 1} for number in range(12)))
    assert re.findall(r"studies\[(\d+)\]", message(raw)) == [str(number) for number in range(12)]


def test_no_follow_up_problems_of_a_study_whose_keys_are_wrong():
    assert message(collection({"id": "a", "pth": "x"})).startswith("1 problem:")


NAMES = [path.split(".")[-1] for path, _ in walk(schema()) if "<" not in path]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(values)
def test_anything_else_is_a_user_error_never_a_crash(value):
    for raw in (value, {"collection": "x", "studies": value}, collection(preprocess=value), one(obs=value)):
        try:
            loaded = load(raw)
        except UserError as error:
            assert all(problem.where and problem.what for problem in error.problems)
        else:
            assert load(loaded) == loaded


PATHS = [path for path, _ in walk(schema()) if "[]" not in path and "<" not in path]


@settings(max_examples=200)
@given(st.sampled_from(PATHS), values)
def test_any_value_at_any_key_is_taken_or_refused(path, value):
    raw = collection()
    *sections, key = path.split(".")
    inside = raw
    for section in sections:
        inside = inside.setdefault(section, {})
    inside[key] = value
    try:
        load(raw)
    except UserError as error:
        assert error.problems


@settings(max_examples=100)
@given(st.sampled_from(PATHS), st.data())
def test_a_typo_is_refused_and_named(path, data):
    *sections, key = path.split(".")
    at = data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    typo = data.draw(st.sampled_from([key[:at] + letter + key[at:], key[:at] + key[at + 1 :]]))
    where = ".".join([*sections, typo])
    if not typo or where in PATHS:
        return
    raw = collection()
    inside = raw
    for section in sections:
        inside = inside.setdefault(section, {})
    inside[typo] = 1
    assert f"- {where}: unknown key" in message(raw)


@given(st.text(max_size=6))
def test_ids_are_safe_as_paths(name):
    try:
        load(collection({"id": name, "path": "x"}))
    except UserError:
        return
    assert re.fullmatch(r"[A-Za-z0-9-]+", name)
