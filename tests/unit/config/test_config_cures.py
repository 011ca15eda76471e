"""What messages advise leads on: pasted as it stands, it makes the dry run pass."""

import re

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import io as scipy_io
from scipy import sparse

from panscape.config.inputs import look_at_inputs
from panscape.config.load import load
from panscape.config.propose import propose
from panscape.config.propose_open import opened
from panscape.data.known_genes import common_symbols
from panscape.errors import UserError

GENES = sorted(common_symbols("human"))[:40]
CELLS = [f"ACGTACGTAC{a}{b}{c}-1" for a in "ACGT" for b in "ACGT" for c in "ACGT"]
COUNTS = np.random.default_rng(0).poisson(4.0, (64, 40)).astype(np.float32)


def h5ad(folder, values=COUNTS, cells=CELLS, genes=GENES, obs=None, **layers):
    table = pd.DataFrame(obs or {}, index=cells)
    made = anndata.AnnData(sparse.csr_matrix(values), table, pd.DataFrame(index=genes))
    for name, layer in layers.items():
        made.layers[name] = layer
    made.write_h5ad(folder / "s.h5ad")
    return {"id": "s", "path": str(folder / "s.h5ad")}


def sheet(folder, names, **columns):
    pd.DataFrame({"barcode": names, **columns}).to_csv(folder / "m.csv", index=False)
    return {"metadata": {"path": str(folder / "m.csv"), "barcode": "barcode"}, "obs": {"cell_type": "kind"}}


def repeated(folder):
    return h5ad(folder, np.vstack([COUNTS, COUNTS]), CELLS * 2, obs={"my sample": ["A"] * 64 + ["B"] * 64})


def two_genomes(folder):
    names = [f"GRCh38_{name}" for name in GENES] + [f"mm10___{name.capitalize()}" for name in GENES]
    return h5ad(folder, np.hstack([COUNTS, COUNTS]), genes=names)


def splicing(folder):
    names = [name + end for end in ("", "-U", "-A") for name in GENES]
    return h5ad(folder, np.hstack([COUNTS] * 3), genes=names)


def logarithms(folder):
    return h5ad(folder, np.log1p(COUNTS), counts=COUNTS)


def no_matrix(folder):
    study = h5ad(folder, np.log1p(COUNTS), counts=COUNTS)
    return study | {"counts": "layer:raw"}


def expected_counts(folder):
    return h5ad(folder, COUNTS * 8 * 1.04)


def turned(folder):
    table = pd.DataFrame(COUNTS.T.astype(int), index=GENES, columns=[f"P1_{at}" for at in range(64)])
    table.to_csv(folder / "s.csv")
    return {"id": "s", "path": str(folder / "s.csv")}


def turned_barcodes(folder):
    pd.DataFrame(COUNTS.T.astype(int), index=GENES, columns=CELLS).to_csv(folder / "s.csv")
    return {"id": "s", "path": str(folder / "s.csv")}


def other_prefix(folder):
    names = [f"{sample}_{cell}" for sample in "AB" for cell in CELLS]
    return h5ad(folder) | sheet(folder, names, kind=["x"] * 128)


def several_samples(folder):
    labels = {"kind": ["x"] * 128, "orig.ident": ["A"] * 64 + ["B"] * 64}
    return h5ad(folder) | sheet(folder, CELLS * 2, **labels)


def stages(folder):
    ages = np.resize(["E10.5", "E13.5 dpc", "P0", "P7", "8 weeks", "adult: old", "yes"], 64)
    return h5ad(folder, obs={"stage": ages}) | {"species": "human", "obs": {"age": {"column": "stage"}}}


def decimal_commas(folder):
    ages = np.resize(["8,5", "10"], 64)
    return h5ad(folder, obs={"day": ages}) | {"obs": {"age": {"column": "day", "values": {"10": 10}}}}


def alike_lines(folder):
    lines = np.resize(["IFN+", "IFN-", "IFN"], 64)
    return h5ad(folder, obs={"donor": lines}) | {"use": ["sivae"], "obs": {"line": {"column": "donor"}}}


def alike_types(folder):
    types = np.resize(["CD4+ T", "CD4- T", "B", ""], 64)
    study = h5ad(folder, obs={"donor": np.resize(["A", "B", "B"], 64), "kind": types})
    return study | {"use": ["sivae"], "obs": {"line": {"column": "donor"}, "cell_type": {"column": "kind"}}}


def folder_of_results(folder):
    inner = folder / "Solo.out" / "Gene" / "filtered"
    inner.mkdir(parents=True)
    scipy_io.mmwrite(str(inner / "matrix.mtx"), sparse.coo_matrix(COUNTS.T.astype(int)), field="integer")
    (inner / "barcodes.tsv").write_text("\n".join(CELLS) + "\n")
    (inner / "features.tsv").write_text("".join(f"{name}\t{name}\n" for name in GENES))
    return {"id": "s", "path": str(folder / "Solo.out")}


def counts_to_choose(folder):
    folder_of_results(folder)
    inner = folder / "Solo.out" / "Gene" / "filtered"
    (inner / "matrix.mtx").rename(inner / "spliced.mtx")
    (inner / "unspliced.mtx").write_bytes((inner / "spliced.mtx").read_bytes())
    return {"id": "s", "path": str(inner)}


def peaks_only(folder):
    names = [f"chr1:{at * 1000}-{at * 1000 + 500}" for at in range(40)]
    return h5ad(folder, genes=names)


CASES = [
    repeated, two_genomes, splicing, logarithms, no_matrix, expected_counts, turned, turned_barcodes,
    other_prefix, several_samples, stages, decimal_commas, alike_lines, alike_types, folder_of_results,
    counts_to_choose, peaks_only,
]  # fmt: skip


def block(text, start):
    """Return what stands in braces from a place on."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start : at + 1]
    raise AssertionError(text)


def merged(old, new):
    for key, value in new.items():
        old[key] = merged(old.get(key) or {}, value) if isinstance(value, dict) else value
    return old


def pasted(study, fix):
    """Return the study's entry with what a message advises, literally."""
    if "remove values" in fix:
        del study["obs"]["age"]["values"]
        return study
    if found := re.search(r"(?:give the path of one, e\.g\.|here:) (\S+)", fix):
        return study | {"path": found[1]}
    if found := re.search(r"(?:write one of:|this file also has) ([\w:]+)", fix):
        return study | {"counts": found[1]}
    if found := re.search(r"(?:^|\W)(age|line|cell_type): \{", fix):
        entry = yaml.safe_load(block(fix, found.end() - 1))
        if entry["column"] == "...":
            del entry["column"]
        return merged(study, {"obs": {found[1]: entry}})
    if found := re.search(r"(metadata|genes): \{", fix):
        entry = yaml.safe_load(block(fix, found.end() - 1).replace("{..., ", "{"))
        return merged(study, {found[1]: entry})
    if found := re.search(r"(keep: \"[^\"]+\"|orientation: [a-z-]+|values: rounded)", fix):
        return study | yaml.safe_load(found[1])
    assert "write use: [metacells] and atac: {only: true}" in fix, fix
    return study | {"use": ["metacells"], "atac": {"only": True}}


def problems(study):
    settings = {"preprocess": {"min_genes": 0}, "landscape": {"root": "none"}, "species": "human"}
    if {"line", "cell_type"} <= set(study.get("obs", ())):
        settings["sivae"] = {"within": "cell_type"}
    study = yaml.safe_load(yaml.safe_dump(study))
    try:
        look_at_inputs(load({"collection": "test", "studies": [study], **settings}))
    except UserError as error:
        return error.problems
    return ()


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_is_advised_leads_on(tmp_path, case):
    study = case(tmp_path)
    found = problems(study)
    assert found
    for _ in range(3):  # three lines of one name are renamed one after the other
        for problem in found:
            study = pasted(study, problem.fix)
        after = problems(study)
        assert not {problem.what for problem in after} & {problem.what for problem in found}
        found = after
        if not found:
            break
    assert not found


PROPOSED = [
    repeated, two_genomes, splicing, logarithms, expected_counts, turned, turned_barcodes, folder_of_results,
    peaks_only,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
@pytest.mark.parametrize("case", PROPOSED, ids=lambda case: case.__name__)
def test_what_is_proposed_for_a_file_passes(tmp_path, case):
    config = yaml.safe_load(propose([case(tmp_path)["path"]], "lab"))
    seen = look_at_inputs(load(config | {"preprocess": {"min_genes": 0}})).understood
    assert [item.n_kept for item in seen] == {"repeated": [64, 64], "peaks_only": []}.get(case.__name__, [64])
    assert all(item.n_genes == 40 and item.species == "human" for item in seen)


def test_logarithms_are_proposed_for_what_takes_them(tmp_path):
    lines = {"donor": np.resize(["A", "B"], 64), "day": np.resize([1.0, 2.0], 64)}
    text = propose([h5ad(tmp_path, np.log1p(COUNTS), obs=lines)["path"]], "lab")
    config = yaml.safe_load(text)
    (study,) = config["studies"]
    assert study["values"] == "log" and study["use"] == ["sivae"] and "landscape" not in config
    assert study["obs"] == {"line": "donor", "age": {"column": "day", "unit": "days"}}
    assert "other columns" not in text
    assert look_at_inputs(load(config | {"preprocess": {"min_genes": 0}})).understood[0].n_kept == 64
    with pytest.raises(UserError, match="negative"):
        opened({"id": "s", "path": h5ad(tmp_path, COUNTS - 2)["path"]}, [])


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_ids_of_divided_files_are_unique(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    files = [repeated(tmp_path / "a")["path"], repeated(tmp_path / "b")["path"]]
    ids = [study["id"] for study in yaml.safe_load(propose(files, "lab"))["studies"]]
    assert len(ids) == len(set(ids)) == 4
