"""Studies of different species: declared with a table, or refused before the first job."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config import studies
from panscape.config.inputs import check_inputs
from panscape.config.load import load
from panscape.data.known_genes import common_symbols
from panscape.errors import UserError
from panscape.preprocess.study import filter_study

NAMES = [
    name
    for name in sorted(common_symbols("mouse"))
    if name.upper() in common_symbols("human") and name.isalnum()
][:40]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a study with given genes."""

    def written(name, genes):
        counts = np.random.default_rng(0).poisson(3.0, (700, len(genes))).astype(np.float32)
        obs = pd.DataFrame(index=[f"cell{at}" for at in range(700)])
        path = tmp_path / f"{name}.h5ad"
        anndata.AnnData(sparse.csr_matrix(counts), obs, pd.DataFrame(index=genes)).write_h5ad(path)
        return {"id": name, "path": str(path)}

    return written


@pytest.fixture
def pair(write):
    """Return a study in upper case and one in title case."""
    return write("upper", [name.upper() for name in NAMES]), write("title", NAMES)


@pytest.fixture
def table(tmp_path):
    rows = [f"{name.upper()}\t{name}\n" for name in NAMES[:20]]
    path = tmp_path / "orthologues.tsv"
    path.write_text("human\tmouse\n" + "".join(rows))
    return str(path)


def config(*items, **more):
    settings = {"preprocess": {"min_genes": 0}, "landscape": {"root": "none"}}
    return load({"collection": "test", "studies": list(items), **settings, **more})


def refusal(*items, **more):
    with pytest.raises(UserError) as caught:
        check_inputs(config(*items, **more))
    return str(caught.value)


def test_the_reference_is_that_of_the_first_study_unless_it_is_named():
    one, two = {"id": "a", "path": "a"}, {"id": "b", "path": "b"}
    assert config(one, two)["species"] == "human"
    assert config({**one, "species": "Mus musculus"}, two)["species"] == "mouse"
    tables = {"tables": ["t.tsv"]}
    named = config({**one, "species": "mouse"}, two, species="Homo Sapiens", orthologues=tables)
    assert named["species"] == "human" and named["studies"][0]["species"] == "mouse"
    assert load(named) == named


def test_another_species_needs_a_table(pair):
    upper, title = pair
    text = refusal({**upper, "species": "human"}, {**title, "species": "mouse"})
    assert "studies[1].species (study 'title'): is mouse, the collection's species is human" in text
    assert "write orthologues: {tables: [FILE]}, a table with the columns human and mouse" in text


def test_different_capitals_are_never_merged_without_a_word(pair):
    upper, title = pair
    for species in ({}, {"species": "human"}, {"species": "mouse"}):
        text = refusal(upper, title, **species)
        assert "upper has symbols in upper case, title has symbols in title case, as of mouse or rat" in text
        assert "write species in studies[0] and studies[1]" in text
    assert "write species in studies[1];" in refusal({**upper, "species": "human"}, title)


def test_the_same_species_declared_is_merged(pair):
    upper, title = pair
    assert check_inputs(config(upper | {"species": "mouse"}, title | {"species": "mouse"})) == []


def test_upper_case_that_is_mouse_by_its_names_is_merged(write):
    genes = [*NAMES, *(f"Gm{number}" for number in range(1000, 1010))]
    items = write("a", genes), write("b", [name.upper() for name in genes])
    assert check_inputs(config(*items, species="mouse")) == []
    (warning,) = check_inputs(config(*items, species="human"))[:1]
    assert "a: genes are named as those of mouse, but the study is taken as human" in warning


def test_ids_of_two_species(write):
    items = [write(name, [f"{name}{at:011d}" for at in range(30)]) for name in ("ENSG", "ENSMUSG")]
    text = refusal(*items)
    assert "ENSG has genes of human, ENSMUSG has genes of mouse" in text


def test_studies_that_meet_in_no_analysis_are_not_compared(pair):
    upper, title = pair
    check_inputs(config({**upper, "use": ["landscape"]}, {**title, "use": ["sivae"]}))


def test_the_forecast_counts_genes(pair, table):
    upper, title = pair
    items = {**upper, "species": "human"}, {**title, "species": "mouse"}
    warnings = check_inputs(config(*items, orthologues={"tables": [table]}))
    assert (
        "title (mouse): 20 of 40 genes are mapped to 20 human genes (20 one-to-one); dropped: 20 "
        in warnings[0]
    )
    (idle,) = check_inputs(config(upper, orthologues={"tables": [table]}))
    assert idle == "orthologues.tables is not used: all studies are taken as human"


def test_a_study_s_own_table_is_used_and_is_input_of_its_job(pair, table):
    upper, title = pair
    own = {
        **title,
        "species": "mouse",
        "genes": {"orthologues": {"tables": [table], "relation": "one-to-one"}},
    }
    whole = config({**upper, "species": "human"}, own, orthologues={"tables": ["elsewhere.tsv"]})
    assert studies.located(whole, "title")["orthologues"] == {
        "tables": [table], "relation": "one-to-one", "reference": "human",
    }  # fmt: skip
    assert "orthologues" not in studies.located(whole, "upper")
    assert studies.sheets(whole, "title") == [table] and studies.sheets(whole, "upper") == []
    assert studies.mapped_genes(whole, "title")["mapped"] == 20 and studies.mapped_genes(whole, "upper") == {}


def test_what_cannot_be_mapped_is_refused(pair):
    upper, title = pair
    human = {**upper, "species": "human"}
    for changes, message in (
        ({"use": ["metacells"]}, "peaks need genes and positions of one genome"),
        (
            {"path": None, "simulated": "early"},
            "as are the genes of simulated studies and metacells -> remove it",
        ),
    ):
        with pytest.raises(UserError, match=message):
            config(human, {**title, "species": "mouse", **changes})


def test_a_study_downloaded_during_the_run_is_checked_by_its_job(pair, tmp_path):
    upper, title = pair
    url = {**title, "path": None, "url": "https://example.org/title.h5ad", "sha256": "0" * 64}
    whole = config({**upper, "species": "human"}, url)
    settings = studies.located(whole, "title") | {"path": title["path"]}
    with pytest.raises(UserError, match=r"the file has symbols in title case, .*, the collection is human"):
        filter_study(settings, tmp_path / "c.h5ad", {"min_genes": 0}, species="human")
