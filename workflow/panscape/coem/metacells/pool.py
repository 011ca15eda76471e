"""Pooling of several samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy import sparse

from panscape.coem.paired import Paired
from panscape.errors import fail


def pool(samples: Mapping[str, Paired]) -> Paired:
    """Pool the cells of several samples on their common genes and peaks.

    Cells are named sample:cell; obs gets the column `sample`.

    Raises
    ------
    UserError
        If a modality is missing from a sample, or no gene or no peak is common to all.
    """
    if len(samples) == 1:
        return next(iter(samples.values()))
    parts = list(samples.values())
    where = "metacells.pool"
    result: dict[str, Any] = {"rna": None, "atac": None, "genes": None, "peaks": None}
    for matrix, features in (("rna", "genes"), ("atac", "peaks")):
        there = [getattr(part, matrix) is not None for part in parts]
        if not any(there):
            continue
        if not all(there):
            lacking = [name for name, has in zip(samples, there, strict=True) if not has]
            raise fail(where, f"{', '.join(lacking)} has no {features}", "write pool: false, or leave it out")
        tables = [getattr(part, features) for part in parts]
        shared = tables[0].index
        for table in tables[1:]:
            shared = shared[shared.isin(table.index)]
        if not len(shared):
            examples = "; ".join(
                f"{name}: {table.index[0]}" for name, table in zip(samples, tables, strict=True)
            )
            raise fail(
                where,
                f"no {features} are common to all samples ({examples})",
                "call them on all samples together",
            )
        columns = [table.index.get_indexer(shared) for table in tables]
        stacked = [getattr(part, matrix)[:, at] for part, at in zip(parts, columns, strict=True)]
        result[matrix] = sparse.csr_matrix(sparse.vstack(stacked, format="csr"))
        result[features] = tables[0].loc[shared]
    obs = [
        part.obs.assign(sample=name).set_axis([f"{name}:{cell}" for cell in part.obs.index], axis=0)
        for name, part in samples.items()
    ]
    log = tuple((f"{name}: {what}", number) for name, part in samples.items() for what, number in part.log)
    together = pd.concat(obs)
    for name in together.columns:
        if together[name].dtype == object:
            together[name] = together[name].astype("category")
    binary = any(part.binary for part in parts)
    if binary and result["atac"] is not None:
        result["atac"].data[:] = 1
    return Paired(together, **result, binary=binary, log=log)
