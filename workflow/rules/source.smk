"""Locate the files of this workflow, and add the library to the import path.

In a checkout, the files are in the parent folders of this file. For rules fetched by address, as in a module with
`snakefile: github("owner/panscape", path="workflow/Snakefile", tag="v1.0.0")`, Snakemake reads single files from its
clone of the repository; the commit is then unpacked from that clone, once, to get the library.
"""

import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from snakemake.exceptions import WorkflowError


def source_folder(place):
    """Return the root folder of the repository with these rule files."""
    if hasattr(place, "hosted_repo"):  # github(...), gitlab(...)
        return unpacked(place.hosted_repo.repo, place.ref)
    if place.is_local:
        return Path(str(place)).parents[1]
    raise WorkflowError(
        f"panscape cannot be used from {place}: its library does not come with a single file. Name the repository "
        'and a tag instead: github("owner/panscape", path="workflow/Snakefile", tag="...").'
    )


def unpacked(repo, ref):
    """Return the folder with all files of a commit; several processes may unpack it at the same time."""
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
        os.chmod(scratch, 0o755)  # temporary folders are not readable by other users
        os.rename(scratch, folder)
    except OSError:
        if not folder.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


SOURCE = source_folder(workflow.current_basedir)
HERE = SOURCE / "workflow"
# makes the library importable in all rule files and scripts, on all nodes and in containers
sys.path.insert(0, str(HERE))
