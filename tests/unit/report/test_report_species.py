"""What the report says of genes mapped from other species."""

import pandas as pd

from panscape.data.files import write_tsv
from panscape.data.readers.orthologues import SUMMARY, relations, summary
from panscape.report.blocks import Paragraph
from panscape.report.results import Results
from panscape.report.sections.species import species_blocks, species_methods

PAIRS = pd.DataFrame({"gene": ["Gcg", "Ins1", "Ins2"], "orthologue": ["GCG", "INS", "INS"]})


def results(tmp_path, counts, strict=()):
    rows = []
    for name in strict:
        table = relations(["Gcg", "Ins1", "Ins2", "Fth1"], PAIRS, summed=False).assign(counts=1.0)
        rows.append(summary(table, name, "mouse"))
    if counts:
        table = relations(["Gcg", "Ins1", "Ins2", "Fth1"], PAIRS).assign(counts=counts)
        rows.append(summary(table, "islets", "mouse"))
    path = tmp_path / "preprocess" / "orthologues.tsv"
    path.parent.mkdir()
    write_tsv(pd.DataFrame(rows, columns=list(SUMMARY)), path)
    return Results.of(tmp_path, [path], {"species": "human", "orthologues": {"relation": "summed"}})


def test_lost_counts_are_a_warning(tmp_path):
    made = results(tmp_path, [5.0, 10.0, 60.0, 25.0])
    texts = [block.text for block in species_blocks(made) if isinstance(block, Paragraph)]
    assert "Genes of islets were mapped to their human orthologues" in texts[0]
    assert "25 % of the counts of islets are of genes not mapped, most of Fth1" in texts[1]
    (methods,) = species_methods(made)
    assert (
        "3 of 4 mouse genes of islets were mapped to human orthologues. Counts of genes that share" in methods
    )


def test_few_lost_counts_are_none(tmp_path):
    assert len(species_blocks(results(tmp_path, [5.0, 10.0, 60.0, 1.0]))) == 3


def test_a_study_with_a_relation_of_its_own(tmp_path):
    (methods,) = species_methods(results(tmp_path, [5.0, 10.0, 60.0, 1.0], strict=["other"]))
    assert "were summed in islets and left out in other; genes with several" in methods


def test_a_relation_of_the_only_study_s_own(tmp_path):
    (methods,) = species_methods(results(tmp_path, None, strict=["other"]))
    assert methods.endswith("Genes that share an orthologue, or have several, were left out.")


def test_one_species_is_not_mentioned(tmp_path):
    made = results(tmp_path, None)
    assert species_blocks(made) == [] and species_methods(made) == []
