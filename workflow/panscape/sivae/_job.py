"""One job: the lines it trains side by side, and their files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panscape import files
from panscape.counts import Counts
from panscape.errors import fail
from panscape.log import logger
from panscape.preprocess import normalise
from panscape.sivae._baselines import Pca, pca
from panscape.sivae._settings import SivaeSettings
from panscape.sivae._values import Expression, ValueSettings, prepare_bin

RECORDS = 50  # rows per loss term that the tables of training keep, about


@dataclass(frozen=True)
class ReadoutSettings:
    """What is read off the models; the keys of the configuration's section of the same names.

    Parameters
    ----------
    network
        ``"dot"``, ``"cosine"``, ``"euclidean"`` (between the genes' loadings), ``"sampled-pearson"`` or
        ``"sampled-clr"`` (inferred on cells drawn from the model).
    density
        Share of all pairs of genes that are edges.
    min_norm
        With ``"euclidean"``: genes with shorter loadings, relative to the longest, have no edges.
    neighbours
        Nearest genes that are tabulated.
    attribution_cells
        Most cells that attributions are computed for; 0 skips them.
    weights
        Keep the weights.
    """

    network: str = "dot"
    density: float = 0.01
    min_norm: float = 0.0
    neighbours: int = 20
    attribution_cells: int = 200
    weights: bool = True

    @classmethod
    def of(cls, settings: ReadoutSettings | Mapping[str, Any]) -> ReadoutSettings:
        """Take settings as they are, or those of a mapping's items that belong here."""
        if isinstance(settings, cls):
            return settings
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in settings.items() if key in known})


@dataclass(frozen=True)
class Read:
    """A trained bin: the cells, the model and its plain counterpart."""

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
) -> list[Expression]:
    """Read and prepare the bins of a job.

    Parameters
    ----------
    cells
        line, bin, study, cell of its lines.
    counts
        study -> h5ad of :mod:`panscape.counts`.
    genes
        Names, in order.
    settings, seed
        See :func:`prepare_bin`.
    normalisation
        How counts become log expression.
    logged
        Studies whose input held log values: these are taken back as they were (``log1p``).

    Raises
    ------
    UserError
        If counts are asked for of a study that has none.
    """
    wrong = sorted(set(cells["study"]) & set(logged))
    if wrong and settings.likelihood == "nb":
        found = f"study {wrong[0]} has log values (studies[].values: log), not counts"
        raise fail("sivae.likelihood", found, "write likelihood: gaussian")
    found = []
    for study, part in cells.groupby("study", sort=False):
        source = Counts(counts[study])
        table = source.select(genes)
        how = "log1p" if study in logged else normalisation
        totals = source.obs["n_counts"].to_numpy(dtype=float)
        target = float(np.median(totals))
        expression = normalise(table, totals, how, target=target)
        for (line, bin_), own in part.groupby(["line", "bin"], sort=False):
            rows = source.cells.get_indexer(own["cell"])
            if (rows < 0).any():
                raise ValueError(f"{counts[study]} lacks cells of the plan, e.g. {own['cell'].iloc[0]}")
            made = prepare_bin(
                line, bin_, expression[rows], table[rows], source.obs.iloc[rows], settings, seed
            )
            scaling = dataclasses.replace(made.scaling, normalisation=how, target=target)
            found.append(dataclasses.replace(made, scaling=scaling))
    return found


def train(
    expressions: Sequence[Expression],
    settings: SivaeSettings,
    seed: int,
    *,
    threads: int = 1,
    gpus: int = 0,
    checkpoint: str | Path | None = None,
) -> tuple[Any, list[dict[str, Any]]]:
    """Train one model per bin, side by side; each as if it were alone.

    Parameters
    ----------
    expressions
        Prepared bins (:func:`prepare_bin`) of the same genes.
    settings
        Model and training.
    seed
        Seed of the collection.
    threads, gpus
        What the job was granted.
    checkpoint
        Folder in which unfinished training is saved.

    Returns
    -------
    task
        The trained :class:`SivaeTask`, for :func:`panscape.sivae._readout.read_models`.
    history
        Rows of :func:`panscape.training.fit`.
    """
    from panscape import training
    from panscape.sivae._task import SivaeTask

    training.prepare(threads)
    bins = [item.bin for item in expressions]
    task = SivaeTask(bins, settings, seed, training.choose_device(gpus))
    plan = training.Plan(task.steps, settings.validate_every, record_every=max(task.steps // RECORDS, 1))
    saved = None
    if checkpoint:
        data = training.digest(*(part for bin_ in bins for part in (bin_.line, bin_.name, bin_.inputs)))
        identity = {"settings": dataclasses.asdict(settings), "data": data, "seed": seed}
        saved = training.Checkpoint(checkpoint, identity)
    logger.info("training %d models of %d genes", len(bins), bins[0].inputs.shape[1])
    history = training.fit(task, plan, seed=seed, checkpoint=saved)
    task.take_best()
    return task, history


def load(path: str | Path, device: Any = "cpu") -> dict[tuple[str, str], Any]:
    """Read the models of a job, to embed and rebuild cells; no code is run from the file.

    Parameters
    ----------
    path
        ``weights.safetensors`` of a job.
    device
        Where to compute.

    Returns
    -------
    (line, bin) -> :class:`panscape.sivae._load.SivaeModel`.

    Raises
    ------
    UserError
        If the file holds no complete models.
    """
    from panscape.sivae._load import read_file

    return read_file(path, device)


def train_job(
    cells: pd.DataFrame,
    counts: Mapping[str, str | Path],
    genes: Sequence[str],
    folder: str | Path,
    settings: Mapping[str, Any],
    seed: int,
    *,
    normalisation: str = "depth-log1p",
    logged: Sequence[str] = (),
    threads: int = 1,
    gpus: int = 0,
    checkpoint: str | Path | None = None,
) -> None:
    """Train the lines of a job and write a folder for each.

    Parameters
    ----------
    cells
        line, bin, study, cell of the job's lines.
    counts, genes, normalisation, logged
        See :func:`read_bins`.
    folder
        Where the lines' folders are made, and ``weights.safetensors``.
    settings
        The configuration's section ``sivae``.
    seed, threads, gpus, checkpoint
        See :func:`train`.
    """
    from panscape.sivae._load import write_models
    from panscape.sivae._readout import read_models, sample_cells
    from panscape.sivae._write import write_line

    model, readout = SivaeSettings.of(settings), ReadoutSettings.of(settings)
    values = ValueSettings.of(settings)
    expressions = read_bins(cells, counts, genes, values, seed, normalisation=normalisation, logged=logged)
    task, history = train(expressions, model, seed, threads=threads, gpus=gpus, checkpoint=checkpoint)
    fitted = read_models(task)
    wanted = readout.network.startswith("sampled")
    reads = []
    for at, (item, own) in enumerate(zip(expressions, fitted, strict=True)):
        sampled = sample_cells(task, at, len(item.cells)) if wanted else None
        reads.append(Read(item, own, pca(item.bin, model.latent), sampled))
    table = pd.DataFrame(history, columns=["step", "split", "term", "model", "value"])
    for line in dict.fromkeys(item.bin.line for item in expressions):
        chosen = [at for at, item in enumerate(expressions) if item.bin.line == line]
        own = table[table["model"].isin(chosen)].assign(
            line=line, bin=lambda part: [expressions[at].bin.name for at in part["model"]]
        )
        write_line(
            Path(folder) / line, [reads[at] for at in chosen], genes, own, model, readout, values, seed
        )
    if readout.weights:
        write_models(Path(folder) / "weights.safetensors", task, expressions, genes)
    else:
        files.write_json(dataclasses.asdict(model), Path(folder) / "settings.json")
