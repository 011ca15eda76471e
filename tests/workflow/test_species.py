"""Two species in one collection: refused without orthologues, compared with them."""

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import sparse

from panscape.data import files

NAMES = [f"Gene{letter}{number}" for letter in "abcdef" for number in range(10)]


def write(path, genes, seed):
    rng = np.random.default_rng(seed)
    values = rng.poisson((1 + rng.gamma(1, 3, len(genes))) * rng.gamma(5, 0.2, (120, 1))).astype(np.float32)
    obs = pd.DataFrame(index=[f"cell{seed}-{at}" for at in range(120)])
    anndata.AnnData(sparse.csr_matrix(values), obs, pd.DataFrame(index=genes)).write_h5ad(path)


@pytest.fixture
def collection(tmp_path):
    """Return the settings of a collection of two species, and a function that writes them."""
    write(tmp_path / "human.h5ad", [name.upper() for name in NAMES], 0)
    write(tmp_path / "mouse.h5ad", [*NAMES[1:], "Genea0a", "Genea0b"], 1)
    rows = [f"{name.upper()}\t{name}\n" for name in NAMES[1:50]]
    rows += ["GENEA0\tGenea0a\n", "GENEA0\tGenea0b\n"]
    (tmp_path / "orthologues.tsv").write_text("human\tmouse\n" + "".join(rows))
    config = {
        "collection": "two",
        "studies": [{"id": name, "path": f"{name}.h5ad", "species": name} for name in ("human", "mouse")],
        "preprocess": {"min_genes": 0, "min_counts": 0, "n_genes": 30, "present_in": "all"},
        "landscape": {"root": "none"},
    }

    def written(**changes):
        target = tmp_path / "two.yaml"
        target.write_text(yaml.safe_dump({**config, **changes}))
        return target

    return config, written


def test_a_dry_run_refuses_two_species_without_a_table(collection, snakemake, tmp_path):
    config, written = collection
    run = snakemake(tmp_path, "-n", config=written())
    assert (
        run.returncode != 0
        and "there is no table of orthologues -> write orthologues" in run.stdout + run.stderr
    )
    unnamed = [{key: study[key] for key in ("id", "path")} for study in config["studies"]]
    run = snakemake(tmp_path, "-n", config=written(studies=unnamed))
    assert (
        run.returncode != 0
        and "human has symbols in upper case, mouse has symbols in title case" in run.stdout + run.stderr
    )


def test_mapped_genes_enter_the_collection(collection, snakemake, tmp_path):
    config = collection[1](orthologues={"tables": ["orthologues.tsv"]})
    run = snakemake(tmp_path, "preprocess", config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    words = "mouse (mouse): 51 of 61 genes are mapped to 50 human genes (49 one-to-one, 2 summed"
    assert words in run.stdout + run.stderr
    out = tmp_path / "results/two/preprocess"
    genes = files.read_tsv(out / "genes.tsv", dtype={"gene": str})["gene"]
    assert "GENEA0" in set(genes) and len(genes) == 50
    (row,) = files.read_tsv(out / "orthologues.tsv").to_dict("records")
    assert (row["study"], row["mapped"], row["summed"], row["none"]) == ("mouse", 51, 2, 10)
    run = snakemake(tmp_path, "preflight", config=config)
    assert run.returncode == 0 and f"Genes of other species:\n  - {words}" in run.stdout
