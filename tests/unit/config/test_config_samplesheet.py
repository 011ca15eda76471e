"""Studies from a table, and configurations proposed from files."""

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import sparse

from panscape.config.init import main
from panscape.config.inputs import look_at_inputs
from panscape.config.load import load
from panscape.config.propose import _age, propose
from panscape.data.known_genes import common_symbols
from panscape.errors import UserError

HUMAN = sorted(common_symbols("human"))[:60]


def sheet(folder, text):
    path = folder / "studies.csv"
    path.write_text(text)
    return str(path)


def test_a_table_of_studies_is_the_list_of_studies(tmp_path):
    path = sheet(
        tmp_path,
        "id,path,obs.cell_type,obs.age,obs.age.unit,use,qc.min_genes,keep\n"
        "2019-01-05,a.h5ad,type,day,days,landscape;sivae,300,tissue == 'x'\n"
        "7,b.h5ad,kind,week,weeks,,,\n",
    )
    listed = [
        {
            "id": "2019-01-05",
            "path": "a.h5ad",
            "obs": {"cell_type": "type", "age": {"column": "day", "unit": "days"}},
            "use": ["landscape", "sivae"],
            "qc": {"min_genes": 300},
            "keep": "tissue == 'x'",
        },
        {
            "id": "7",
            "path": "b.h5ad",
            "obs": {"cell_type": "kind", "age": {"column": "week", "unit": "weeks"}},
        },
    ]
    from_sheet = load({"collection": "lab", "samplesheet": path})
    assert from_sheet == load({"collection": "lab", "studies": listed})
    assert load(from_sheet) == from_sheet


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,pth\na,b\n", "there is no key 'pth'"),
        ("id,path\n", "has no study"),
        ("id,path\na,x\nb,y,z\n", "line 3 of"),
        ("id,path,qc.min_genes\na,x,many\n", "studies[0].qc.min_genes"),
        ("id,path\na,x\na,y\n", "studies[1].id"),
    ],
)
def test_faults_of_a_table_are_those_of_the_list(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        load({"collection": "lab", "samplesheet": sheet(tmp_path, text)})
    assert message in str(caught.value)


def test_studies_are_given_once(tmp_path):
    path = sheet(tmp_path, "id,path\na,x\n")
    with pytest.raises(UserError, match="give the studies in one of the two"):
        load({"collection": "lab", "samplesheet": path, "studies": [{"id": "a", "path": "x"}]})


def write(folder, name, counts=None, genes=HUMAN, **obs):
    counts = (
        np.random.default_rng(0).poisson(3.0, (80, len(genes))).astype(np.float32)
        if counts is None
        else counts
    )
    table = pd.DataFrame(
        {key: np.resize(values, 80) for key, values in obs.items()}, index=[f"c{at}" for at in range(80)]
    )
    anndata.AnnData(sparse.csr_matrix(counts), table, pd.DataFrame(index=genes)).write_h5ad(
        folder / f"{name}.h5ad"
    )
    return str(folder / f"{name}.h5ad")


def test_a_proposal_passes_the_dry_run(tmp_path):
    one = write(
        tmp_path, "My study (1)", CellType=["a", "b"], donor_id=["x", "y"], development_stage=["E9", "P0"]
    )
    table = tmp_path / "turned.csv"
    cells = ",".join(f"P1_C{at}" for at in range(80))
    table.write_text(f",{cells}\n" + "".join(f"{gene},{','.join(['3'] * 80)}\n" for gene in HUMAN))
    proposed = yaml.safe_load(propose([one, table], "my lab"))
    assert proposed["collection"] == "my-lab"
    first, second = proposed["studies"]
    assert (
        first["id"] == "My-study-1"
        and first["species"] == "human"
        and second["orientation"] == "genes-by-cells"
    )
    assert first["obs"]["cell_type"] == "CellType" and first["obs"]["line"] == "donor_id"
    assert first["obs"]["age"]["values"] == {"E9": 9, "P0": 266}
    checked = look_at_inputs(load(proposed | {"preprocess": {"min_genes": 0}, "landscape": {"root": "none"}}))
    assert [item.n_cells for item in checked.understood] == [80, 80]


def test_counts_are_found_where_they_are(tmp_path):
    counts = np.random.default_rng(0).poisson(30.0, (80, 60)).astype(np.float32)
    path = write(tmp_path, "s", np.log1p(counts))
    table = anndata.read_h5ad(path)
    table.layers["raw_counts"] = sparse.csr_matrix(counts)
    table.write_h5ad(path)
    assert yaml.safe_load(propose([path], "lab"))["studies"][0]["counts"] == "layer:raw_counts"


def test_files_that_cannot_be_read_are_told(tmp_path):
    text = propose([tmp_path / "gone.h5ad"], "lab")
    assert "gone.h5ad: there is no file" in text and yaml.safe_load(text)["studies"] == []


def test_the_command_writes_a_new_file_only(tmp_path, capsys):
    path, out = write(tmp_path, "s"), tmp_path / "lab.yaml"
    assert main([path, "--output", str(out), "--collection", "lab"]) == 0
    assert yaml.safe_load(out.read_text())["collection"] == "lab"
    assert main([path, "--output", str(out)]) == 1 and "not overwritten" in capsys.readouterr().err
    assert main([path]) == 0 and "studies:" in capsys.readouterr().out


def test_two_files_of_one_name_are_two_studies(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    studies = yaml.safe_load(propose([write(tmp_path / "a", "s"), write(tmp_path / "b", "s")], "x"))[
        "studies"
    ]
    assert [study["id"] for study in studies] == ["s", "s-2"]


@pytest.mark.parametrize(
    ("column", "unit"), [("time_h", "hours"), ("Time_H", "hours"), ("age_day", "days"), ("length", None)]
)
def test_unit_of_an_age_is_told_by_the_name_of_its_column(column, unit):
    remarks = []
    entry = _age(column, pd.Series([1.0, 2.0]), {"id": "a"}, remarks)
    assert entry == ({"column": column, "unit": unit} if unit else {"column": column})
    assert bool(remarks) == (unit is None)
