"""The studies of a collection: which take part in the landscape, and their numbers of cells."""

from __future__ import annotations

import pandas as pd

from panscape.config import studies
from panscape.report.format import listing
from panscape.report.results import Results

QC = "preprocess/qc.tsv"


def landscape_studies(results: Results) -> list[str]:
    """Return the studies that take part in the landscape, in their order."""
    return studies.used_by(results.config, "landscape")


def each_study(results: Results) -> str:
    """Return ``each study``, or names if only some studies are in the landscape."""
    used = landscape_studies(results)
    if len(used) == len(results.studies):
        return "each study" if len(used) > 1 else "the study"
    return f"each of {listing(used)}" if len(used) > 1 else listing(used)


def cell_counts(results: Results) -> pd.DataFrame:
    """Return, per study, the cells `read`, `chosen` by `keep` and `kept`, and the `genes` kept."""
    qc = results.table(QC, dtype={"study": str, "filter": str})
    cells, genes = (qc[qc["unit"] == unit].groupby("study", sort=False) for unit in ("cells", "genes"))
    keep = qc[qc["filter"] == "keep"].set_index("study")["left"]
    read = cells["left"].first() + cells["removed"].first()
    return pd.DataFrame(
        {
            "read": read,
            "chosen": keep.reindex(read.index).fillna(read).astype(int),
            "kept": cells["left"].last(),
            "genes": genes["left"].last(),
        }
    )
