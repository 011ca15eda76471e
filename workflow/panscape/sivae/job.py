"""Read the bins of a job and train their models side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.data.counts import Counts
from panscape.data.normalise import normalise
from panscape.data.thinning import thin
from panscape.errors import fail
from panscape.log import logger
from panscape.settings import FromMapping, Renamed
from panscape.sivae.baselines import Pca
from panscape.sivae.bin_names import COPY
from panscape.sivae.settings import SIVAE_KEYS, SIVAE_RENAMED, SivaeSettings, useful_threads
from panscape.sivae.values import CellCounts, Expression, ValueSettings, prepare_bin

RECORDS = 50  # approximate number of rows per loss term in the training tables


@dataclass(frozen=True)
class ReadoutSettings(FromMapping):
    """Settings of the readout; keys of the configuration's section ``sivae``.

    Parameters
    ----------
    network
        ``"dot"``, ``"cosine"``, ``"euclidean"`` (between the genes' loadings), ``"sampled-pearson"`` or
        ``"sampled-clr"`` (inferred on cells drawn from the model).
    density
        Fraction of all pairs of genes that are edges.
    min_norm
        With ``"euclidean"``: genes with shorter loadings, relative to the longest, have no edges.
    n_neighbors
        Number of nearest genes to tabulate.
    attribution_cells
        Maximum number of cells for attributions; 0 skips them.
    save_weights
        Save the weights.
    """

    SECTION: ClassVar[str] = "sivae"
    BESIDE: ClassVar[frozenset[str]] = SIVAE_KEYS
    RENAMED: ClassVar[Mapping[str, Renamed]] = SIVAE_RENAMED

    network: str = "dot"
    density: float = 0.01
    min_norm: float = 0.0
    n_neighbors: int = 20
    attribution_cells: int = 200
    save_weights: bool = True


@dataclass(frozen=True)
class Read:
    """A trained bin: cells, model and PCA baseline."""

    expression: Expression
    fitted: Any
    pca: Pca
    sampled: np.ndarray | None = None


def read_bins(
    cells: pd.DataFrame,
    counts: Mapping[str, str | Path],
    genes: Sequence[str],
    settings: ValueSettings,
    seed: int,
    *,
    normalisation: str = "depth-log1p",
    logged: Sequence[str] = (),
    fractions: Mapping[str, float] | None = None,
    depth: Mapping[str, float] | None = None,
) -> list[Expression]:
    """Read and prepare the bins of a job.

    Parameters
    ----------
    cells
        line, bin, study, cell of its lines.
    counts
        study -> h5ad of :mod:`panscape.data.counts`.
    genes
        Names, in order.
    settings, seed
        See :func:`prepare_bin`.
    normalisation
        Normalisation of the counts, see :func:`panscape.data.normalise.normalise`.
    logged
        Studies whose input has log values; these values are restored (``log1p``).
    fractions
        line -> fraction of its counts that thinning keeps, see :func:`panscape.data.thinning.thin`.
    depth
        line -> counts per cell to which it is thinned, to which its cells are normalised then; the median of
        the study for lines that are not thinned.

    Raises
    ------
    UserError
        If the likelihood needs counts and a study has none.
    """
    wrong = sorted(set(cells["study"]) & set(logged))
    if wrong and settings.likelihood == "nb":
        problem = f"study {wrong[0]} has log values (studies[].values: log), not counts"
        raise fail("sivae.likelihood", problem, "write likelihood: gaussian")
    bins = []
    for study, part in cells.groupby("study", sort=False):
        source = Counts(counts[study])
        table = source.select(genes)
        how = "log1p" if study in logged else normalisation
        totals = source.obs["n_counts"].to_numpy(dtype=float)
        median = float(np.median(totals))
        for (line, bin_), chosen in part.groupby(["line", "bin"], sort=False):
            rows = source.cells.get_indexer(chosen["cell"])
            if (rows < 0).any():
                raise ValueError(f"{counts[study]} lacks cells of the plan, e.g. {chosen['cell'].iloc[0]}")
            counted, total = table[rows], totals[rows]
            target = (depth or {}).get(line, median)
            if fractions and line in fractions:
                rng = seeds.stream(seed, "sivae", "thin", line, bin_)
                counted, total = thin(counted, total, fractions[line], rng)
            expression = normalise(counted, total, how, target=target)
            obs = source.obs.iloc[rows]
            prepared = prepare_bin(line, bin_.split(COPY)[0], expression, counted, obs, settings, seed)
            cell_counts = None if study in logged else CellCounts.of(counted, total, obs, settings.regress)
            prepared = replace(prepared, bin=replace(prepared.bin, name=bin_), counted=cell_counts)
            bins.append(prepared.scaled_by(how, target))
    return bins


def train(
    expressions: Sequence[Expression],
    settings: SivaeSettings,
    seed: int,
    *,
    threads: int = 1,
    gpus: int = 0,
    checkpoint: str | Path | None = None,
) -> tuple[Any, list[dict[str, Any]]]:
    """Train one model per bin in parallel; each is independent of the others.

    Parameters
    ----------
    expressions
        Prepared bins (:func:`prepare_bin`) of the same genes.
    settings
        Model and training.
    seed
        Seed of the collection.
    threads, gpus
        CPU threads and GPUs of the job; small steps use one thread (:func:`useful_threads`).
    checkpoint
        Folder in which unfinished training is saved.

    Returns
    -------
    task
        The trained :class:`SivaeTask`, for :func:`panscape.sivae.readout.read_models`.
    history
        Rows of :func:`panscape.training.loop.fit`.
    """
    from panscape.sivae.task import SivaeTask
    from panscape.training.checkpoint import Checkpoint
    from panscape.training.device import choose_device, prepare
    from panscape.training.loop import Plan, fit
    from panscape.training.state import digest

    bins = [item.bin for item in expressions]
    cells, genes = zip(*(bin_.inputs.shape for bin_ in bins), strict=True)
    prepare(useful_threads(sum(min(n, settings.batch_size) for n in cells) * genes[0], threads))
    task = SivaeTask(bins, settings, seed, choose_device(gpus))
    plan = Plan(task.steps, settings.validate_every, record_every=max(task.steps // RECORDS, 1))
    saved = None
    if checkpoint:
        data = digest(*(part for bin_ in bins for part in (bin_.line, bin_.name, *bin_.scaled.content())))
        identity = {"settings": dataclasses.asdict(settings), "data": data, "seed": seed}
        saved = Checkpoint(checkpoint, identity)
    logger.info("training %d models of %d genes", len(bins), bins[0].inputs.shape[1])
    history = fit(task, plan, seed=seed, checkpoint=saved)
    task.take_best()
    return task, history


def load(path: str | Path, device: Any = "cpu") -> dict[tuple[str, str], Any]:
    """Read the models of a job, to embed and reconstruct cells; no code is run from the file.

    Parameters
    ----------
    path
        ``weights.safetensors`` of a job.
    device
        Where to compute.

    Returns
    -------
    (line, bin) -> :class:`panscape.sivae.load.SivaeModel`.

    Raises
    ------
    UserError
        If the file has no complete models.
    """
    from panscape.sivae.load import read_file

    return read_file(path, device)
