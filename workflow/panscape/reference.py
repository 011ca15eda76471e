"""The files of a finished collection that another one is placed on."""

from __future__ import annotations

from pathlib import Path

ONCE = ("dictionary/dictionary.h5ad", "landscape/landscape.h5ad")
PER_STUDY = (
    "panclust/{study}/clusters.tsv",
    "coexpression/{study}/matrices.npz",
    "coexpression/{study}/pairs.tsv",
)


def study_files(folder: str | Path, study: str) -> list[Path]:
    """Return a study's files in a collection's folder, in the order of :data:`PER_STUDY`."""
    return [Path(folder, pattern.format(study=study)) for pattern in PER_STUDY]


def files(folder: str | Path | None) -> list[str]:
    """Return every file that a projection onto ``results/<collection>`` reads; none without a folder.

    A file that is missing is left out where it tells of a study, and named where each collection has it, so
    that the engine says what is not there.
    """
    if not folder:
        return []
    found = [path for pattern in PER_STUDY for path in sorted(Path(folder).glob(pattern.format(study="*")))]
    return [str(path) for path in [*(Path(folder, name) for name in ONCE), *found]]
