"""The example of real cells: its files are unpacked as its configuration names them."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import yaml

from panscape.config.load import load

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
PAIRS = (
    '"human.gene.name","gene.name","human.homology.type"\n"TP53","Trp53","ortholog_one2one"\n"","Gm1",""\n'
)


def wheel(folder):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as data:
        data.writestr("raw-Baron_human.h5ad", b"human cells")
        data.writestr("raw-Baron_mouse.h5ad", b"mouse cells")
        data.writestr("gene_matches_1v1_human2mouse.csv", PAIRS)
    with zipfile.ZipFile(folder / "came-0.1.13-py3-none-any.whl", "w") as package:
        package.writestr("came/sample_data.zip", inner.getvalue())


def unpack(folder):
    command = [sys.executable, EXAMPLES / "unpack_islets.py", folder]
    subprocess.run(list(map(str, command)), check=True)


def test_cells_and_orthologues_are_unpacked_and_kept(tmp_path):
    wheel(tmp_path)
    unpack(tmp_path)
    assert (tmp_path / "human.h5ad").read_bytes() == b"human cells"
    assert (tmp_path / "mouse.h5ad").read_bytes() == b"mouse cells"
    table = (tmp_path / "orthologues.tsv").read_text().splitlines()
    assert table == ["human\tmouse", "TP53\tTrp53", "INS\tIns1", "INS\tIns2"]
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    unpack(tmp_path)  # files that are there keep their times, so that nothing runs again
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_its_configuration_is_valid_and_names_what_is_unpacked():
    config = load(yaml.safe_load((EXAMPLES / "islets.yaml").read_text()))
    folder = Path("resources/islets")
    assert {study["path"] for study in config["studies"]} == {
        str(folder / "human.h5ad"),
        str(folder / "mouse.h5ad"),
    }
    assert config["orthologues"]["tables"] == [str(folder / "orthologues.tsv")]


def test_its_package_has_a_checksum():
    (line,) = [line for line in (EXAMPLES / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    name, digest = line.split()
    assert name == "came==0.1.13" and len(digest.removeprefix("--hash=sha256:")) == 64
