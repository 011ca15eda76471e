"""Files that are not read: what they are, and how their counts are written in a format that is."""

from __future__ import annotations

from pathlib import Path

_R = (
    "write the counts from R, e.g. DropletUtils::write10xCounts('counts', counts, version = '3') with a "
    "sparse matrix genes x cells, and the annotations by write.csv, and give the folder"
)
_SEURAT = "in R: SeuratDisk::Convert('FILE', dest = 'h5ad'), and give the h5ad file"
_PACKED = "unpack it, and give a file or folder in it"
_WORKBOOK = 'open it there and save the sheet by "Save as" as CSV UTF-8 or as tab-delimited text'
_READS = "count them first, e.g. with Cell Ranger, STARsolo, kallisto or alevin-fry"
_BD = "give the file ..._MolsPerCell.csv or the folder ..._MEX of the same run, which have cells x genes"
_TABLE = "write it as h5ad (anndata), or as CSV"
KINDS = {  # suffix: (what the file is, what to do)
    **dict.fromkeys((".rds", ".rdata", ".rda", ".robj"), ("an object of R", _R)),
    ".h5seurat": ("an object of Seurat", _SEURAT),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), ("a workbook", _WORKBOOK)),
    **dict.fromkeys((".tar", ".tgz", ".7z", ".rar", ".zip"), ("an archive", _PACKED)),
    **dict.fromkeys((".fastq", ".fq", ".bam", ".cram", ".sra"), ("sequencing reads", _READS)),
    ".cloupe": ("a file of the Loupe browser", "give filtered_feature_bc_matrix.h5 of the same run"),
    ".st": ("a table with a line per cell and gene", _BD),
    **dict.fromkeys(
        (".parquet", ".feather", ".npz", ".npy", ".mat", ".pkl"), ("a table of other programs", _TABLE)
    ),
}


def foreign(path: str | Path) -> tuple[str, str] | None:
    """Return what a file that is not read is, and what to do; None for other files.

    Parameters
    ----------
    path
        Path or name of the file; zip files may be zarr stores.

    Examples
    --------
    >>> foreign("a/seurat.rds")[0], foreign("a.h5ad")
    ('an object of R', None)
    """
    name = Path(path).name
    for packed in (".gz", ".bz2"):
        name = name.removesuffix(packed)
    kind = KINDS.get(Path(name).suffix.lower())
    return None if kind is None else (kind[0], kind[1].replace("FILE", str(path)))


def foreign_groups(groups: set[str]) -> tuple[str, str] | None:
    """Return what an HDF5 file with these groups is, if it is not read, and what to do.

    Examples
    --------
    >>> foreign_groups({"assays", "cell.names", "meta.data"})[0]
    'an object of Seurat'
    """
    return KINDS[".h5seurat"] if {"assays", "cell.names"} <= groups else None
