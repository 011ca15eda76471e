"""The projection: keys of earlier versions, who takes part, and a reference that does not do."""

import json

import h5py
import numpy as np
import pytest

from panscape.config import studies as inputs
from panscape.config.load import load
from panscape.coscape import reference
from panscape.errors import UserError


def loaded(*studies, **more):
    given = studies or ({"id": "a", "path": "a.h5ad"},)
    return load({"collection": "new", "studies": list(given), "landscape": {"root": "none"}, **more})


def made_reference(folder, distance="thresholded", **changes):
    """Write the files of a finished collection (empty but for the settings) and return the folder."""
    config = loaded(age_unit="days")
    known = {**reference.describe(config, ["one", "two"]), **changes}
    for name in (*reference.ONCE, *reference.PER_STUDY.values()):
        for study in ("one", "two"):
            path = folder / name.format(study=study)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    with h5py.File(folder / reference.DICTIONARY, "w") as file:
        file[f"uns/{reference.KEY}"] = json.dumps(known)
    with h5py.File(folder / reference.LANDSCAPE, "w") as file:
        file["uns/parameters/distance"] = distance
    return folder


def test_a_reference_of_the_corrected_distance_has_scores(tmp_path):
    folder = made_reference(tmp_path, "corrected", age_unit=None)
    assert reference.corrected(folder) and not reference.corrected(tmp_path / "none")
    assert set(reference.by_kind(folder)) == {*reference.PER_STUDY, *reference.SCORED}
    assert reference.SIGNAL_PAIRS in reference.once(folder)
    config = loaded(project={"reference": str(folder)})
    (lacking, scores) = reference.problems(config)
    assert lacking.what == f"{folder} lacks coexpression/signal_pairs.tsv"
    for name in ("members.npz", "scores.npz"):
        assert name in scores.what
    (folder / reference.LANDSCAPE).write_text("no HDF5")
    (problem,) = reference.problems(config)
    assert "landscape.h5ad cannot be read" in problem.what


def test_keys_of_earlier_versions_are_taken_for_the_new_ones(caplog):
    old = {"project_onto": "results/atlas", "coverage": 0.8, "neighbours": 15}
    config = loaded(dictionary=old)
    assert config["project"]["reference"] == "results/atlas" and config["project"]["coverage"] == 0.8
    assert "dictionary.project_onto is now project.reference" in caplog.text
    assert "dictionary.neighbours is no longer used" in caplog.text
    assert old["neighbours"] == 15 and not set(old) & set(config["dictionary"])
    assert load(config) == config
    with pytest.raises(
        UserError, match=r"dictionary.project_onto: its new name, project.reference, is given"
    ):
        loaded(dictionary={"project_onto": "a"}, project={"reference": "b"})


def test_renamed_keys_of_landscape_and_dictionary(caplog):
    old = loaded(
        landscape={"root": "none", "neighbours": 30, "sensitivity": {"neighbours": [10, 20]}},
        dictionary={"usage_share": 0.1, "edge_share": 0.8, "counterpart": False},
    )
    assert "landscape.neighbours is now landscape.n_neighbors" in caplog.text
    assert "landscape.sensitivity.neighbours is now landscape.sensitivity.n_neighbors" in caplog.text
    assert "dictionary.counterpart is now dictionary.nmf_programs" in caplog.text
    new = loaded(
        landscape={"root": "none", "n_neighbors": 29, "sensitivity": {"n_neighbors": [9, 19]}},
        dictionary={"usage_fraction": 0.1, "edge_fraction": 0.8, "nmf_programs": False},
    )
    assert old == new


def test_the_cell_itself_is_no_longer_counted_among_its_neighbours(caplog):
    config = loaded(panclust={"n_neighbors": 14})
    assert "panclust.n_neighbors: since 0.2.0 the cell itself is not counted" in caplog.text
    assert config == loaded()


def test_settings_of_a_reference_of_an_earlier_version(tmp_path):
    config = loaded(age_unit="days")
    new = reference.describe(config, ["one", "two"])
    old = {key: value for key, value in new.items() if key != "format"}
    old["panclust"] = {**new["panclust"], "n_neighbors": 15}
    old["dictionary"] = {**new["dictionary"]}
    for key, name in (
        ("usage_share", "usage_fraction"),
        ("edge_share", "edge_fraction"),
        ("counterpart", "nmf_programs"),
    ):
        old["dictionary"][key] = old["dictionary"].pop(name)
    folder = made_reference(tmp_path)
    assert reference.settings(folder) == new
    with h5py.File(folder / reference.DICTIONARY, "w") as file:
        file[f"uns/{reference.KEY}"] = json.dumps(old)
    assert reference.settings(folder) == new


def test_studies_take_part_where_there_is_a_reference():
    only = {"id": "b", "path": "b.h5ad", "use": ["project"]}
    config = loaded({"id": "a", "path": "a.h5ad"}, only)
    assert inputs.used_by(config, "project") == [] and config["report"]["project"] is False
    config = loaded({"id": "a", "path": "a.h5ad"}, only, project={"reference": "results/atlas"})
    assert inputs.used_by(config, "project") == ["a", "b"] and config["report"]["project"] is True
    assert inputs.used_by(config, "landscape") == ["a"]
    with pytest.raises(UserError, match=r"project.reference: there is no reference to project onto"):
        loaded(report={"project": True})


def test_files_of_a_reference(tmp_path):
    folder = made_reference(tmp_path)
    files = reference.files(folder)
    assert len(files) == 9 and all((tmp_path / path).is_file() for path in files)
    # a folder of a study that is no longer in the reference is not read
    (folder / "panclust/gone").mkdir()
    (folder / "panclust/gone/clusters.tsv").touch()
    assert reference.files(folder) == files and reference.files(None) == []
    assert [path.parent.name for path in reference.by_kind(folder)["pairs"]] == ["one", "two"]
    assert list(reference.problems(loaded(project={"reference": str(folder)}))) == []


@pytest.mark.parametrize(
    "more, lacking, words",
    [
        ({"species": "mouse"}, None, "species: is mouse, the reference's studies are human"),
        ({"age_unit": "weeks"}, None, "age_unit: is weeks, the reference's ages are in days"),
        ({}, "coexpression/two/matrices.npz", "coexpression/two/matrices.npz -> run `snakemake dictionary`"),
        ({}, "landscape/landscape.h5ad", "lacks landscape/landscape.h5ad"),
        ({}, "dictionary/dictionary.h5ad", "lacks dictionary/dictionary.h5ad"),
    ],
)
def test_what_a_reference_lacks_is_told(tmp_path, more, lacking, words):
    folder = made_reference(tmp_path)
    if lacking:
        (folder / lacking).unlink()
    messages = [str(one) for one in reference.problems(loaded(project={"reference": str(folder)}, **more))]
    assert len(messages) == 1 and words in messages[0]


def test_a_reference_that_is_this_collection_or_no_hdf5_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = made_reference(tmp_path / "results/new")
    (tmp_path / "link").symlink_to(folder)
    for path in ("results/new", str(folder), "link"):
        (one,) = reference.problems(loaded(project={"reference": path}))
        assert "is this collection itself" in one.what
    other = made_reference(tmp_path / "other")
    (other / reference.DICTIONARY).write_bytes(np.zeros(10).tobytes())
    (one,) = reference.problems(loaded(project={"reference": str(other)}))
    assert "cannot be read" in one.what
