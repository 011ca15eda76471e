"""One vocabulary over all sections: a key means the same wherever it stands."""

from collections import defaultdict

import pytest

from panscape.config.schema import schema, walk

# old spelling -> what is written instead, and why
FORBIDDEN = {
    "neighbours": "n_neighbors: a count, in scikit-learn's and scanpy's spelling",
    "neighbors": "n_neighbors: a count",
    "lr": "learning_rate",
    "latent": "n_latent: a count, as in scvi-tools",
    "hidden": "n_hidden: a count, as in scvi-tools",
    "decoder_hidden": "n_hidden_decoder: a count",
    "components": "n_components: a count, as in scikit-learn",
    "epochs": "n_epochs: a count",
    "steps": "n_steps: a count",
    "batch": "batch_size for minibatches, batch_key for the column: it meant both",
    "warmup": "warmup_steps or warmup_fraction: it meant both",
    "averaging": "ema: the field's name",
    "shortcut": "skip_connection: the field's name",
    "committee": "ensemble: the field's name",
    "teach": "teacher_forcing: the field's name",
    "bridges": "label_transfer: the field's name",
    "ladder": "size_sweep",
    "counterpart": "nmf_programs",
}
SUFFIXES = {
    "_share": "_fraction: a number from 0 to 1",
    "_hidden": "n_hidden...: a count",
    "_lr": "_learning_rate",
}
# key -> JSON type of its value, or of the entries of its list
TYPES = {
    "n_neighbors": "integer",
    "batch_size": "integer",
    "batch_key": "string",
    "learning_rate": "number",
    "warmup_steps": "integer",
    "warmup_fraction": "number",
    "patience": "integer",
    "held_out": "number",
    "dropout": "number",
    "weight_decay": "number",
    "fdr": "number",
    "permutations": "integer",
    "gene_sets": "object",
    "set_sizes": "integer",
}
# keys of several sections with values of different types, and why
DIFFERENT = {
    "diffusion": "unicoord: steps of the noise, and among the weights of the losses",
    "independence": "unicoord: how, and among the weights of the losses",
    "counts": "studies: where counts are; scenarios: whether counts are drawn",
    "genes": "studies: how genes are named; elsewhere which genes, or the file with their places",
    "groups": "features: a number; restore: of what label",
    "labels": "columns of labels: one, several, or with their kind",
    "lines": "simulation: the studies of lines, and their number of lines",
    "shrinkage": "coexpression: of which kind; coem: on or off",
    "values": "studies: what values are; obs: what labels stand for",
    "studies": "the studies, or simulated ones; unicoord.apply: ids of those to annotate",
    "metacells": "studies: a sample to read; the section",
}
KEYS = [(path, entry) for path, entry in walk(schema()) if not path.endswith(">")]


def last(path):
    return path.split(".")[-1].removesuffix("[]")


def kinds(entry):
    """Return the JSON types of a value, of its entries for a list; null and words such as auto aside."""
    names = entry.get("type", [])
    names = {names} if isinstance(names, str) else set(names)
    if "array" in names and "type" in entry.get("items", {}):
        names = names - {"array"} | kinds(entry["items"])
    return names - {"null"} - ({"string"} if len(names - {"null"}) > 1 else set())


@pytest.mark.parametrize("old", FORBIDDEN)
def test_old_spellings_are_no_keys(old):
    assert [path for path, _ in KEYS if last(path) == old] == [], FORBIDDEN[old]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_old_endings_are_no_keys(suffix):
    live = [path for path, _ in KEYS if last(path).endswith(suffix) and not last(path).startswith("n_")]
    assert live == [], SUFFIXES[suffix]


@pytest.mark.parametrize("key", TYPES)
def test_a_key_has_one_type(key):
    wrong = {path: kinds(entry) for path, entry in KEYS if last(path) == key and kinds(entry) != {TYPES[key]}}
    assert wrong == {}


def test_counts_are_whole_numbers():
    counts = {path: kinds(entry) for path, entry in KEYS if last(path).startswith("n_")}
    assert len(counts) > 10
    assert {path: kind for path, kind in counts.items() if kind != {"integer"}} == {}


def test_fractions_are_from_0_to_1():
    for path, entry in KEYS:
        if last(path).endswith("_fraction"):
            one = entry["items"] if entry["type"] == "array" else entry
            low = one.get("minimum", one.get("exclusiveMinimum"))
            high = one.get("maximum", one.get("exclusiveMaximum"))
            assert kinds(entry) == {"number"} and low is not None and low >= 0, path
            assert high is not None and high <= 1, path


def test_cells_are_not_counted_among_their_own_neighbors():
    entries = {path: entry for path, entry in KEYS if last(path) == "n_neighbors"}
    assert entries
    for path, entry in entries.items():
        text = " ".join(entry["description"].split())
        assert "itself counted" not in text and "including itself" not in text, path


def test_the_same_key_has_the_same_type_in_all_sections():
    sections = set(schema()["properties"])
    types = defaultdict(dict)
    for path, entry in KEYS:
        top, _, rest = path.partition(".")
        # `report` switches sections by their names; a study's own settings are those of the section
        if top != "report" and not rest.startswith(tuple(f"{name}." for name in sections)) and kinds(entry):
            types[last(path)][path] = kinds(entry)
    differing = {key: places for key, places in types.items() if not set.intersection(*places.values())}
    assert {key: places for key, places in differing.items() if key not in DIFFERENT} == {}
