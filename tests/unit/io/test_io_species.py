"""Names of species, and what gene names tell."""

import pytest

from panscape.data.species import Naming, canonical, declared, differ, misspelt, naming

TITLE = ["Sox2", "Trp53", "Actb", "Ins1", "Ins2", "Gcg", "Sst", "Ppy", "Pax6", "Isl1", "Neurod1", "Nkx6-1"]


@pytest.mark.parametrize(
    ("written", "name"),
    [("Homo sapiens", "human"), ("  MUS  musculus", "mouse"), ("Mus_musculus", "mouse"),
     ("C. elegans", "worm"), ("Danio rerio", "zebrafish"), ("Axolotl", "axolotl")],
)  # fmt: skip
def test_names_of_a_species(written, name):
    assert canonical(written) == name


def test_misspelt_names_are_told_from_rare_ones():
    assert "did you mean 'zebrafish'" in str(misspelt("zebrafsh", "species"))
    assert misspelt("Mesocricetus auratus", "species") is None and misspelt("Human", "species") is None


@pytest.mark.parametrize(
    ("pattern", "species"),
    [("ENSG{:011d}.2", "human"), ("ENSMUSG{:011d}", "mouse"), ("ENSDARG{:011d}", "zebrafish"),
     ("ENSRNOG{:011d}", "rat"), ("WBGene{:08d}", "worm"), ("FBgn{:07d}", "fly"), ("unc-{}", "worm")],
)  # fmt: skip
def test_ids_and_worm_names_tell_the_species(pattern, species):
    assert naming(pattern.format(number) for number in range(30)).species == species


def test_symbols_tell_their_capitals():
    assert naming(TITLE) == Naming(None, "title")
    assert naming(name.upper() for name in TITLE) == Naming(None, "upper")
    assert naming(name.lower() for name in TITLE) == Naming(None, "lower")
    assert naming(TITLE[:3]) == Naming()
    assert naming(f"chr1:{at}-{at + 500}" for at in range(100, 9000, 100)) == Naming()


def test_names_of_one_species_tell_it_whatever_the_capitals():
    mouse = [*TITLE, *(f"Gm{number}" for number in range(1000, 1006))]
    human = [*map(str.upper, TITLE), *(f"ZNF{number}" for number in range(6))]
    assert naming(mouse) == Naming("mouse", "title")
    assert naming(map(str.upper, mouse)) == Naming("mouse", "upper")
    assert naming(human) == Naming("human", "upper")
    assert not differ(naming(mouse), naming(map(str.upper, mouse)))
    assert differ(naming(human), naming(mouse))


def test_what_is_declared_is_compared_with_what_is_seen():
    assert differ(declared("human"), naming(TITLE))
    assert not differ(declared("mouse"), naming(TITLE))
    assert not differ(declared("other"), naming(TITLE))
