"""Where the files of this workflow lie, and the library on the search path.

In a checkout they lie beside this file. Rules that are fetched by address, as in a module with
`snakefile: github("owner/panscape", path="workflow/Snakefile", tag="v1.0.0")`, come one file at a time, without
the library. Snakemake has then cloned the repository to read them, so the commit is unpacked from that clone, once.
"""

import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from snakemake.exceptions import WorkflowError


def source_folder(place):
    """Return the root of the repository that a folder of rule files belongs to."""
    if hasattr(place, "hosted_repo"):  # github(...), gitlab(...)
        return unpacked(place.hosted_repo.repo, place.ref)
    if place.is_local:
        return Path(str(place)).parents[1]
    raise WorkflowError(
        f"panscape cannot be used from {place}: its library does not come with a single file. Name the repository "
        'and a tag instead: github("owner/panscape", path="workflow/Snakefile", tag="...").'
    )


def unpacked(repo, ref):
    """Return the folder with all files of a commit, named by the commit; others may unpack it at the same time."""
    commit = repo.commit(ref).hexsha
    folder = Path(workflow.sourcecache.cache_path) / "panscape" / commit
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.mkdtemp(dir=folder.parent)
    try:
        with tempfile.TemporaryFile() as archive:
            repo.archive(archive, treeish=commit, format="zip")
            with zipfile.ZipFile(archive) as files:
                files.extractall(scratch)  # this verifies the checksum of every file
        os.chmod(scratch, 0o755)  # temporary folders are closed to other users
        os.rename(scratch, folder)
    except OSError:
        if not folder.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


SOURCE = source_folder(workflow.current_basedir)
HERE = SOURCE / "workflow"
# one line makes the library importable in all rule files, in every script, on every node and in containers
sys.path.insert(0, str(HERE))
