"""Small whole studies, one per format, that mutants are made of."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

from panscape.data.h5mu import write_h5mu

HERE = Path(__file__).parent
N_CELLS, N_GENES = 12, 9


def _writer():
    """Return the class that writes studies for the tests of the readers."""
    spec = importlib.util.spec_from_file_location("io_conftest", HERE.parent / "unit/io/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FORMATS = (*_writer().WHOLE, "h5mu")


def write(kind: str, folder: Path) -> dict:
    """Write a study in a format into a new folder, and return its configuration."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    counts = (rng.poisson(0.8, (N_CELLS, N_GENES)) * rng.poisson(3, (N_CELLS, N_GENES))).astype(np.float32)
    counts[5] = 0
    cells = [
        "AAACCTGAG" + "".join("ACGT"[i // base % 4] for base in (16, 4, 1)) + "-1" for i in range(N_CELLS)
    ]
    genes = [f"GENE{i}" for i in range(N_GENES)]
    obs = pd.DataFrame(
        {
            "day": rng.choice([8.5, 9.0], N_CELLS),
            "type": pd.Categorical(rng.choice(["neuron", "glia"], N_CELLS)),
            "doublet": rng.random(N_CELLS) < 0.2,
        },
        index=cells,
    )
    writer = _writer().Writer(folder, counts, cells, genes, obs)
    if kind != "h5mu":
        return getattr(writer, kind)()
    write_h5mu(folder / "study.h5mu", {"rna": writer.adata(counts)}, obs[["day"]])
    return {"id": "s", "path": str(folder / "study.h5mu")}
