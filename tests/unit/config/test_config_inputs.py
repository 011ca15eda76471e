"""What the files give away before the first job."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config import studies as inputs
from panscape.config.inputs import _check, _missing_files, check_inputs
from panscape.config.load import load
from panscape.data.readers.h5ad import H5ad
from panscape.errors import UserError

GENES = [f"GENE{number}" for number in range(200)]


def write(path, cells=700, genes=GENES, **obs):
    counts = np.random.default_rng(0).poisson(1.0, (cells, len(genes))).astype(np.float32)
    table = pd.DataFrame(obs, index=[f"cell{number}" for number in range(cells)])
    anndata.AnnData(sparse.csr_matrix(counts), obs=table, var=pd.DataFrame(index=genes)).write_h5ad(path)
    return str(path)


def config(*studies, **more):
    given = {"collection": "test", "species": "other", "landscape": {"root": "none"}, **more}
    return load({**given, "studies": list(studies)})


def problems(*studies, **more):
    with pytest.raises(UserError) as caught:
        check_inputs(config(*studies, **more))
    return str(caught.value)


@pytest.fixture
def study(tmp_path):
    return write(tmp_path / "a.h5ad", day=np.arange(700.0), tissue=["x"] * 300 + ["y"] * 400)


def test_good_studies_give_no_warning(study, tmp_path):
    age = {"age": {"column": "day", "unit": "days"}}
    other = write(tmp_path / "b.h5ad", day=np.arange(700.0))
    warnings = check_inputs(
        config({"id": "a", "path": study, "obs": age}, {"id": "b", "path": other, "obs": age})
    )
    assert warnings == []


def test_the_annotations_of_a_study_are_read_once_by_its_check(study, tmp_path, monkeypatch):
    other = write(tmp_path / "b.h5ad")
    reads, read = [], H5ad._read_obs
    monkeypatch.setattr(H5ad, "_read_obs", lambda source: reads.append(source.where) or read(source))
    keep = {"keep": "tissue == 'x'", "obs": {"platform": "tissue"}}
    _check(config({"id": "a", "path": study, **keep}, {"id": "b", "path": other}))  # as in its process
    # the forecast of losses, after the checks of all studies, opens them again
    assert reads == ["studies[0]", "studies[1]", "study 'a'", "study 'b'"]


def test_problems_of_all_studies_and_settings_come_at_once(study, tmp_path):
    folder = tmp_path / "folder.h5ad"
    folder.mkdir()
    text = problems(
        {"id": "a", "path": study, "obs": {"age": "nowhere"}},
        {"id": "b", "path": str(tmp_path / "gone.h5ad")},
        {"id": "c", "path": str(folder)},
        {"id": "d", "path": study, "obs": {"age": "tissue"}},
    )
    assert text.startswith("4 problems:")
    assert "studies[0].obs.age (study 'a'" in text and "no column 'nowhere'" in text
    assert "studies[1].path (study 'b'" in text and "there is no file" in text
    assert "studies[2].path (study 'c'" in text and "is a folder" in text
    assert "studies[3].obs.age (study 'd'" in text and "text where numbers are expected: x, y" in text


def test_truncated_file(study):
    with open(study, "r+b") as handle:
        handle.truncate(5000)
    assert "studies[0].path (study 'a'" in problems({"id": "a", "path": study})


def test_values_that_are_no_counts(tmp_path):
    path = write(tmp_path / "a.h5ad")
    data = anndata.read_h5ad(path)
    data.X = data.X.log1p()
    data.write_h5ad(path)
    assert "studies[0].counts (study 'a'" in problems({"id": "a", "path": path})


def test_barcode_twice(tmp_path):
    path = write(tmp_path / "a.h5ad")
    data = anndata.read_h5ad(path)
    data.obs_names = ["cell0", "cell0", *data.obs_names[2:]]
    data.write_h5ad(path)
    assert "1 barcodes occur more than once, e.g. cell0" in problems({"id": "a", "path": path})


def test_sheet_that_is_not_text(study, tmp_path):
    sheet = tmp_path / "cells.tsv"
    sheet.write_bytes(b"cell\ttype\ncell0\tcaf\xe9\x00\n")
    text = problems({"id": "a", "path": study, "metadata": {"path": str(sheet)}})
    assert "studies[0].metadata.path (study 'a'" in text and "UTF-8" in text


def test_studies_without_a_common_gene_are_named_with_examples(study, tmp_path):
    other = write(tmp_path / "b.h5ad", genes=[f"OTHER{number}" for number in range(200)])
    text = problems({"id": "a", "path": study}, {"id": "b", "path": other})
    assert "studies: no gene is in all of them" in text
    assert "a (studies[0]) has symbols such as GENE0, GENE1, GENE10" in text
    assert "b (studies[1]) has symbols such as OTHER0" in text


def test_symbols_against_ensembl_ids(study, tmp_path):
    other = write(tmp_path / "b.h5ad", genes=[f"ENSG{number:011d}" for number in range(200)])
    text = problems({"id": "a", "path": study}, {"id": "b", "path": other})
    assert "b (studies[1]) has ids such as ENSG00000000000" in text
    assert "give the symbols of studies[1] with genes.column or genes.mapping" in text


def test_genes_that_differ_in_capitals_only(study, tmp_path):
    other = write(tmp_path / "b.h5ad", genes=[name.lower() for name in GENES])
    text = problems({"id": "a", "path": study}, {"id": "b", "path": other}, species="other")
    assert "200 names agree but for capitals: set species" in text
    named = {"id": "b", "path": other, "species": "human"}
    warnings = check_inputs(config({"id": "a", "path": study}, named, species="human"))
    assert [text for text in warnings if "known genes of human" not in text] == []


def test_the_study_that_does_not_fit_the_others_is_named(study, tmp_path):
    odd = write(tmp_path / "odd.h5ad", genes=[f"OTHER{number}" for number in range(200)])
    same = write(tmp_path / "same.h5ad")
    text = problems(*({"id": name, "path": path} for name, path in (("a", study), ("b", odd), ("c", same))))
    assert "the others share 200 genes: see genes.column and genes.mapping of studies[1]" in text


def test_low_overlap_is_a_warning_with_numbers(study, tmp_path, caplog):
    other = write(tmp_path / "b.h5ad", genes=GENES[:50] + [f"OTHER{number}" for number in range(100)])
    (warning,) = check_inputs(config({"id": "a", "path": study}, {"id": "b", "path": other}))
    assert warning.startswith("50 of 300 genes are measured in at least 2 of 2 studies and can be used")
    assert "50 are measured in all; a 200, b 150); left out are e.g. GENE100" in warning
    assert warning in caplog.text


def test_loss_of_genes_is_counted_in_the_cells_before_the_run(tmp_path):
    rng = np.random.default_rng(1)
    counts = rng.poisson(1.0, (300, 200)).astype(np.float32)
    counts[:100, :80] = 0  # of the first study's cells none has the first 80 genes
    counts[0, :80] = 1  # but one: fewer than three
    counts[100:, 180:] = 0  # the last 20 genes are measured in one study of three
    table = pd.DataFrame({"batch": np.repeat(["x", "y", "z"], 100)}, index=[f"c{at}" for at in range(300)])
    anndata.AnnData(sparse.csr_matrix(counts), obs=table, var=pd.DataFrame(index=GENES)).write_h5ad(
        tmp_path / "a.h5ad"
    )
    studies = [
        {"id": name, "path": str(tmp_path / "a.h5ad"), "keep": f"batch == '{name}'"}
        for name in ("x", "y", "z")
    ]
    (warning,) = check_inputs(config(*studies))
    assert "180 of 200 genes are measured in at least 2 of 3 studies" in warning
    assert "100 are measured in all; x 120, y 180, z 180); left out are e.g. GENE180, GENE181" in warning
    (warning,) = check_inputs(config(*studies, preprocess={"present_in": "all"}))
    assert "100 of 200 genes are measured in at least 3 of 3 studies" in warning
    assert check_inputs(config(*studies, preprocess={"present_in": 1})) == []


def test_age_in_some_studies_only_is_a_warning(study, tmp_path):
    other = write(tmp_path / "b.h5ad")
    (warning,) = check_inputs(
        config({"id": "a", "path": study, "obs": {"age": "day"}}, {"id": "b", "path": other})
    )
    assert warning.startswith("b: no age (obs.age)")


def test_the_same_cells_twice_are_a_warning(study):
    twice = [{"id": name, "path": study} for name in "ab"]
    assert check_inputs(config(*twice)) == ["the studies a and b are the same cells: same file, same keep"]
    split = [{"id": name, "path": study, "keep": f"tissue == '{name}'"} for name in "xy"]
    assert check_inputs(config(*split, panclust={"min_cells": 50})) == []


def test_study_smaller_than_the_smallest_cluster(tmp_path):
    path = write(tmp_path / "a.h5ad", cells=120)
    text = problems({"id": "a", "path": path}, panclust={"min_cells": 500})
    assert (
        "studies[0] (study 'a'): has 120 cells, panclust.min_cells is 500: no cluster could be kept" in text
    )
    assert "write panclust: {min_cells: auto} in the study's entry" in text
    assert check_inputs(config({"id": "a", "path": path})) == []
    small = {"id": "a", "path": path, "panclust": {"min_cells": 60}}
    assert check_inputs(config(small, panclust={"min_cells": 500})) == []
    small["panclust"] = {"min_cells": 130}
    assert "has 120 cells, panclust.min_cells is 130" in problems(small)


def test_cells_are_counted_after_keep(study):
    part = {"id": "a", "path": study, "keep": "tissue == 'x'"}
    assert "has 300 cells, panclust.min_cells is 500" in problems(part, panclust={"min_cells": 500})


def test_keep_may_use_mapped_columns(study):
    entry = {"id": "a", "path": study, "obs": {"age": "day"}, "keep": "age < 650"}
    assert check_inputs(config(entry)) == []


def test_keep_that_keeps_nothing(study):
    assert "none of the 700 cells matches" in problems({"id": "a", "path": study, "keep": "tissue == 'z'"})


def test_one_cell(tmp_path):
    path = write(tmp_path / "a.h5ad", cells=1)
    assert "has 1 cells, too few to cluster (at least 3)" in problems({"id": "a", "path": path})


def test_empty_study(tmp_path):
    path = write(tmp_path / "a.h5ad", cells=0)
    assert "the study is empty: 0 cells and 200 genes" in problems({"id": "a", "path": path})


def test_studies_whose_file_is_yet_to_be_made_are_left_out(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    later = {"id": "b", "url": "https://example.org/b.h5ad", "sha256": "0" * 64}
    simulation = {"studies": [{"name": "s", "cells": 1000, "ages": [1, 5]}]}
    assert check_inputs(config({"id": "s", "simulated": "s"}, later, simulation=simulation)) == []


def test_simulated_system_that_does_not_fit(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    simulation = {"studies": [{"name": "s", "cells": 1000, "ages": [1, 5]}], "n_genes": 100}
    assert "- simulation.n_genes: 100 genes are fewer than" in problems(
        {"id": "s", "simulated": "s"}, simulation=simulation
    )


def test_simulated_study_smaller_than_the_smallest_cluster(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    simulation = {"studies": [{"name": "s", "cells": 400, "ages": [1, 5]}]}
    text = problems({"id": "one", "simulated": "s"}, simulation=simulation, panclust={"min_cells": 500})
    assert "studies[0] (study 'one'): has 400 cells, panclust.min_cells is 500" in text


def test_files_that_settings_name_must_exist(tmp_path):
    file = {"type": "string", "format": "path"}
    part = {
        "properties": {
            "sets": {"properties": {"files": {"type": "array", "items": file}, "one": file}},
            "studies": {"items": {"properties": {"path": file}}},
        }
    }
    (tmp_path / "there.gmt").touch()
    value = {
        "sets": {"files": [str(tmp_path / "there.gmt"), str(tmp_path / "gone.gmt")], "one": str(tmp_path)},
        "studies": [{"path": "elsewhere"}],
    }
    first, second = _missing_files(value, part, "")
    assert first.where == "sets.files[1]" and "gone.gmt does not exist" in first.what
    assert second.where == "sets.one" and second.what == f"{tmp_path} is a folder"


def test_folders_that_settings_name_must_exist(tmp_path):
    (tmp_path / "file.tsv").touch()
    part = {"properties": {key: {"type": "string", "format": "folder"} for key in "abc"}}
    value = {"a": str(tmp_path), "b": str(tmp_path / "file.tsv"), "c": str(tmp_path / "gone")}
    file, gone = _missing_files(value, part, "")
    assert file.where == "b" and file.what.endswith("file.tsv is a file") and "folder" in file.fix
    assert gone.where == "c" and "gone does not exist" in gone.what


def test_root_of_lowest_age_without_any_age(study):
    text = problems({"id": "a", "path": study}, landscape={"root": "lowest-age"})
    assert "landscape.root: is lowest-age, but no study has an age -> map obs.age" in text


def test_samples_of_several_ages(study, tmp_path):
    obs = {"age": "day", "plate": "tissue"}
    settings = {"landscape": {"root": "none", "sample": "plate"}}
    text = problems({"id": "a", "path": study, "obs": obs}, **settings)
    assert "landscape.sample: is plate, but cells of plate 'x' of study a have several ages" in text
    other = write(tmp_path / "b.h5ad", day=np.repeat([3.0, 4.0], 350), tissue=["x"] * 350 + ["y"] * 350)
    assert check_inputs(config({"id": "a", "path": other, "obs": obs}, **settings)) == []
    kept = {"id": "a", "path": study, "obs": obs, "keep": "day == 5 or tissue == 'y' and day >= 699"}
    text = problems(kept, **settings)
    assert "landscape.sample" not in text  # one cell of each is left


def test_studies_outside_the_landscape_need_not_fit_it(tmp_path):
    first = write(tmp_path / "a.h5ad", age=np.zeros(700))
    other = write(tmp_path / "b.h5ad", cells=20, genes=["OTHER1", "OTHER2"])
    studies = [
        {"id": "a", "path": first, "obs": {"age": "age"}},
        {"id": "b", "path": other, "use": ["sivae"]},
    ]
    assert check_inputs(config(*studies, panclust={"min_cells": 50})) == []
    studies[1]["use"] = ["sivae", "landscape"]
    assert "studies[1] (study 'b'): has 20 cells" in problems(*studies, panclust={"min_cells": 50})


def test_files_that_the_simulation_makes_need_not_be_there(study):
    entry = {"id": "a", "path": study}
    sets = "resources/test/simulated/truth/lines/modules.gmt"
    assert check_inputs(config(entry, networks={"gene_sets": [sets]})) == []
    assert "modules.gmt does not exist" in problems(entry, networks={"gene_sets": ["modules.gmt"]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A\nB\n", "line 1 has one column"),
        (b"", "no edge between two genes"),
        (b"A\tA\n", "no edge between two genes"),
        (b"\x1f\x8b\x08\0", "cannot be read"),
        (b"A\tB\nC\t\xe9\n", "not text in UTF-8"),
    ],
)
def test_known_networks_are_read_before_the_run(study, tmp_path, content, message):
    (tmp_path / "known.tsv").write_bytes(content)
    told = problems({"id": "a", "path": study}, overlap={"networks": [str(tmp_path / "known.tsv")]})
    assert f"overlap.networks[0] ({tmp_path / 'known.tsv'})" in told and message in told
    (tmp_path / "known.tsv").write_bytes(b"A\tB\n")
    check_inputs(config({"id": "a", "path": study}, overlap={"networks": [str(tmp_path / "known.tsv")]}))


def test_a_library_with_the_name_of_our_own_is_refused(study, tmp_path):
    path = tmp_path / "mitochondrial.gmt"
    path.write_text("S\t-\tGENE1\n")
    entry, given = {"id": "a", "path": study}, [str(path)]
    assert "is called 'mitochondrial', as the set of" in problems(entry, networks={"gene_sets": given})
    for section in (
        {"networks": {"gene_sets": given, "mito_set": False}},
        {"networks": {"gene_sets": [{"name": "mito", "path": given[0]}]}},
        {"dictionary": {"gene_sets": given}},
    ):
        check_inputs(config(entry, **section))


def test_used_by():
    studies = [{"id": "a", "path": "a"}, {"id": "b", "path": "b", "use": ["metacells"]}]
    filled = config(*studies)
    assert [inputs.used_by(filled, use) for use in ("landscape", "metacells", "any")] == [
        ["a"],
        ["b"],
        ["a", "b"],
    ]
    assert "use" not in inputs.located(filled, "b")


def test_a_table_of_places_without_places(study, tmp_path):
    (tmp_path / "genes.tsv").write_text("gene\tchrom\tstrand\nGENE1\tchr1\t+\n")
    places = {"genes": str(tmp_path / "genes.tsv")}
    sample = {"id": "a", "path": study, "use": ["metacells"]}
    messages = problems(sample, metacells=places)
    assert "metacells.genes" in messages and "tss (or start and end)" in messages
    # nobody reads it
    labelled = {"id": "a", "path": study, "use": ["unicoord"], "obs": {"cell_type": "tissue"}}
    check_inputs(config(labelled, metacells=places))


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a-r1-l0-c13", ""),  # 700 cells and 50 for each cluster
        ("a-r1-l0-c14", "700 cells make at most 14 clusters of a level, c0 to c13"),
        ("a-all", ""),
    ],
)
def test_number_of_the_root_is_checked_against_the_cells(study, name, expected):
    settings = {"landscape": {"root": name}, "panclust": {"min_cells": 50}}
    if expected:
        assert expected in problems({"id": "a", "path": study}, **settings)
    else:
        assert check_inputs(config({"id": "a", "path": study}, **settings)) == []


def test_root_that_an_earlier_run_does_not_have_is_a_warning(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/test/panclust/a"
    folder.mkdir(parents=True)
    (folder / "clusters.tsv").write_text(
        "cluster\tstudy\tduplicates\na-all\ta\tr0.1-l2-c0\na-r1-l0-c0\ta\t\n"
    )
    for name in ("a-r1-l0-c0", "a-r0.1-l2-c0", "a-all"):
        assert check_inputs(config({"id": "a", "path": study}, landscape={"root": name})) == []
    (warning,) = check_inputs(config({"id": "a", "path": study}, landscape={"root": "a-r1-l0-c1"}))
    assert "do not include 'a-r1-l0-c1'; did you mean 'a-r1-l0-c0'?" in warning
