"""Keys of the version before are warned of once a run, not by every job, and not for the packaged demo."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
OLD = "dictionary.coverage is now project.coverage"


def test_an_old_key_is_warned_of_once_a_run(snakemake, variant, tmp_path):
    targets = [f"resources/tiny/simulated/{name}.h5ad" for name in ("early", "late")]
    run = snakemake(tmp_path, *targets, config=variant(dictionary__coverage=0.8))
    assert run.returncode == 0, run.stderr[-4000:]
    assert all((tmp_path / target).is_file() for target in targets)  # by two jobs
    logs = "".join(path.read_text() for path in (tmp_path / "logs").rglob("*.log"))
    assert (run.stdout + run.stderr).count(OLD) == 1 and OLD not in logs


def test_the_demo_gives_no_warning_of_its_keys(snakemake, tmp_path):
    empty = tmp_path / "empty.yaml"
    empty.write_text("{}")
    for config in (empty, ROOT / "config/demo.yaml"):
        run = snakemake(tmp_path, "--dry-run", "preprocess", config=config)
        assert run.returncode == 0, run.stderr[-4000:]
        assert " is now " not in run.stderr and "since 0." not in run.stderr
