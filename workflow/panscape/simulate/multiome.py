"""Simulated sample with RNA and accessibility in every cell, and links between peaks and genes.

Cell types 1 and 2 are similar in RNA, and 3 and 4 in accessibility, so that neither modality alone
distinguishes all types. Every type has its own continuous state, from 0 to 1, along which some genes and the
peaks linked to them change. Each gene has linked peaks near its start; the other peaks also lie near genes
but are independent of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.data.files import write_tsv
from panscape.data.h5mu import write_h5mu
from panscape.errors import Problem, UserError
from panscape.simulate.draw import _counts

CHROMOSOMES = 8
SPACING = 60_000  # base pairs between the starts of neighbouring genes
REACH = 80_000  # maximum distance of a gene's linked peaks, base pairs
BLOCK_VALUES = 4_000_000  # cells x features of a block
DISPERSION = {"rna": 0.2, "atac": 0.1}
BASE_SD = {"rna": 1.0, "atac": 0.7}  # sd of the log rates of genes and peaks
DEPTH_SD = 0.4
STATE_FRACTION = 0.25  # fraction of the genes that change along the state
MARKER_FRACTION = 0.15  # fraction of the genes that change between types


@dataclass(frozen=True)
class MultiomeSettings:
    """A sample of paired RNA and accessibility.

    Parameters
    ----------
    name
        Id of the sample, unique among all simulated studies.
    cells, n_genes, n_peaks, types
        Sizes; at least four types.
    links
        Number of linked peaks of each gene that changes; in total at most the number of peaks.
    type_effect, state_effect
        Standard deviation of the changes of marker genes between types, and of genes along the state from 0
        to 1, both on the log scale.
    rna_depth, atac_depth
        Median counts of a cell in each modality.
    """

    name: str
    cells: int = 4000
    n_genes: int = 2000
    n_peaks: int = 6000
    types: int = 6
    links: int = 2
    type_effect: float = 1.0
    state_effect: float = 1.5
    rna_depth: float = 1200.0
    atac_depth: float = 1200.0


@dataclass(frozen=True)
class Multiome:
    """A drawn sample.

    Attributes
    ----------
    obs
        Cells: cell_type, state.
    rna, atac
        CSR float32 counts, cells x genes and cells x peaks.
    genes, peaks
        Positions: chrom, tss, strand; chrom, start, end.
    links
        Planted links: gene, peak, distance, effect (standard deviation of the gene's log rate over types
        and states); genes that do not change have no link.
    """

    obs: pd.DataFrame
    rna: sparse.csr_matrix
    atac: sparse.csr_matrix
    genes: pd.DataFrame
    peaks: pd.DataFrame
    links: pd.DataFrame


def multiome_from_config(values: Mapping) -> tuple[MultiomeSettings, ...]:
    """Make settings of the list ``simulation.multiome`` of a collection's YAML.

    Raises
    ------
    UserError
        If two simulated studies have the same name, or there are more links than peaks.
    """
    items = values.get("multiome", ())
    names = [item["name"] for item in [*values.get("studies", ()), *values.get("lines", ()), *items]]
    problems = []
    for at, item in enumerate(items):
        where = f"simulation.multiome[{at}]"
        if names.count(item["name"]) > 1:
            problem = f"the name {item['name']!r} occurs twice"
            problems.append(Problem(f"{where}.name", problem, "give each study its own name"))
        wanted = MultiomeSettings(**item)
        if wanted.links * wanted.n_genes > wanted.n_peaks:
            problem = (
                f"{wanted.n_peaks} peaks for {wanted.n_genes} genes with {wanted.links} linked peaks each"
            )
            problems.append(
                Problem(f"{where}.n_peaks", problem, f"raise it to {wanted.links * wanted.n_genes}")
            )
    if problems:
        raise UserError(problems)
    return tuple(MultiomeSettings(**item) for item in items)


def draw_multiome(settings: MultiomeSettings, seed: int) -> Multiome:
    """Draw a sample with its planted links.

    Examples
    --------
    >>> draw_multiome(MultiomeSettings("m", cells=30, n_genes=60, n_peaks=150), seed=1).atac.shape
    (30, 150)
    """
    name = settings.name
    rng = seeds.stream(seed, "simulate", name, "places")
    genes = _genes(settings, rng)
    peaks, links = _peaks(settings, genes, rng)
    kind, state = _cells(settings, seeds.stream(seed, "simulate", name, "cells"))
    effects = _effects(settings, links, seeds.stream(seed, "simulate", name, "effects"))
    cells = pd.Index([f"{name}-{at + 1}" for at in range(settings.cells)], name="cell")
    types = [f"type-{at + 1}" for at in range(settings.types)]
    obs = pd.DataFrame({"cell_type": pd.Categorical.from_codes(kind, types), "state": state}, index=cells)
    drawn = {}
    for modality, depth in (("rna", settings.rna_depth), ("atac", settings.atac_depth)):
        rng_counts = seeds.stream(seed, "simulate", name, "counts", modality)
        drawn[modality] = _draw(kind, state, *effects[modality], depth, DISPERSION[modality], rng_counts)
    _, kind_effect, state_effect = effects["rna"]
    change = np.sqrt(kind_effect.var(axis=0) + (state_effect**2).mean(axis=0) / 12)[
        links["gene_at"].to_numpy()
    ]
    links = links.assign(effect=change).drop(columns=["gene_at", "peak_at"])
    links = links[links["effect"] != 0].reset_index(drop=True)
    return Multiome(obs, drawn["rna"], drawn["atac"], genes, peaks, links)


def write_multiome(drawn: Multiome, path: str | Path) -> None:
    """Write a sample as h5mu: modalities rna and atac, the truth of each cell in obs."""
    from anndata import AnnData

    empty = pd.DataFrame(index=drawn.obs.index)
    tables = {
        "rna": AnnData(X=drawn.rna, obs=empty, var=drawn.genes),
        "atac": AnnData(X=drawn.atac, obs=empty, var=drawn.peaks),
    }
    write_h5mu(path, tables, drawn.obs)


def write_multiome_truth(drawn: Multiome, links: str | Path) -> None:
    """Write the planted links: gene, peak, distance, effect."""
    write_tsv(drawn.links, links)


def _genes(settings: MultiomeSettings, rng: np.random.Generator) -> pd.DataFrame:
    chrom = np.sort(np.arange(settings.n_genes) % CHROMOSOMES)
    place = pd.Series(chrom).groupby(chrom).cumcount().to_numpy()
    tss = 200_000 + place * SPACING + rng.integers(-SPACING // 4, SPACING // 4, settings.n_genes)
    width = len(str(settings.n_genes))
    return pd.DataFrame(
        {
            "chrom": [f"chr{at + 1}" for at in chrom],
            "tss": tss,
            "strand": rng.choice(["+", "-"], settings.n_genes),
        },
        index=pd.Index([f"G{at + 1:0{width}d}" for at in range(settings.n_genes)], name="gene"),
    )


def _peaks(
    settings: MultiomeSettings, genes: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    linked = np.repeat(np.arange(settings.n_genes), settings.links)
    others = settings.n_peaks - len(linked)
    near = rng.integers(0, settings.n_genes, others)  # unlinked peaks lie near genes too
    owner = np.concatenate([linked, near])
    reach = np.concatenate([np.full(len(linked), REACH), np.full(others, 2 * SPACING)])
    centre = genes["tss"].to_numpy()[owner] + np.round(rng.uniform(-1, 1, len(owner)) * reach).astype(int)
    # the first linked peak of each gene is at its promoter
    centre[: len(linked) : settings.links] = genes["tss"].to_numpy() + rng.integers(
        -400, 400, settings.n_genes
    )
    half = rng.integers(150, 450, len(owner))
    start = np.maximum(centre - half, 0)
    table = pd.DataFrame({"chrom": genes["chrom"].to_numpy()[owner], "start": start, "end": start + 2 * half})
    table["gene_at"] = np.where(np.arange(len(owner)) < len(linked), owner, -1)
    table = table.drop_duplicates(["chrom", "start", "end"])
    table = table.sort_values(["chrom", "start", "end"], kind="stable", ignore_index=True)
    names = [f"{c}:{s}-{e}" for c, s, e in zip(table["chrom"], table["start"], table["end"], strict=True)]
    peaks = table[["chrom", "start", "end"]].set_axis(pd.Index(names, name="peak"), axis=0)
    rows = np.flatnonzero(table["gene_at"] >= 0)
    at = table["gene_at"].to_numpy()[rows]
    sign = np.where(genes["strand"].to_numpy()[at] == "-", -1, 1)
    middle = (table["start"].to_numpy()[rows] + table["end"].to_numpy()[rows]) // 2
    links = pd.DataFrame(
        {
            "gene": genes.index.to_numpy()[at],
            "peak": peaks.index.to_numpy()[rows],
            "distance": sign * (middle - genes["tss"].to_numpy()[at]),
            "gene_at": at,
            "peak_at": rows,
        }
    )
    return peaks, links.sort_values(["gene_at", "peak_at"], ignore_index=True)


def _cells(settings: MultiomeSettings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    share = np.linspace(1.4, 0.6, settings.types)
    return rng.choice(settings.types, settings.cells, p=share / share.sum()), rng.random(settings.cells)


def _effects(
    settings: MultiomeSettings, links: pd.DataFrame, rng: np.random.Generator
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return log effects per modality: base (features,), type and state effects (types, features)."""
    types, n_genes, n_peaks = settings.types, settings.n_genes, settings.n_peaks
    n_peaks = max(n_peaks, int(links["peak_at"].max()) + 1)
    marker = rng.random(n_genes) < MARKER_FRACTION
    kind = rng.normal(0, settings.type_effect, (types, n_genes)) * marker
    moving = rng.random(n_genes) < STATE_FRACTION
    # every type has its own slopes, so that not all genes of a sample follow one programme
    state = settings.state_effect * rng.normal(0, 1, (types, n_genes)) * moving
    # of genes that distinguish types 1 and 2, or 3 and 4, the linked peaks or the gene itself do not
    rna_kind = kind.copy()
    rna_kind[1], state[1] = rna_kind[0], state[0]
    gene_at, peak_at = links["gene_at"].to_numpy(), links["peak_at"].to_numpy()
    atac_kind, atac_state = np.zeros((types, n_peaks)), np.zeros((types, n_peaks))
    atac_kind[:, peak_at], atac_state[:, peak_at] = rna_kind[:, gene_at], state[:, gene_at]
    free = np.setdiff1d(np.arange(n_peaks), peak_at)
    if not len(free):
        free = peak_at[rng.random(len(peak_at)) < 0.15]
    state_peaks = free[rng.random(len(free)) < 0.3]
    atac_kind[:, state_peaks] += rng.normal(0, settings.type_effect, (types, len(state_peaks)))
    atac_kind[3], atac_state[3] = atac_kind[2], atac_state[2]
    return {
        "rna": (rng.normal(0, BASE_SD["rna"], n_genes), rna_kind, state),
        "atac": (rng.normal(0, BASE_SD["atac"], n_peaks), atac_kind, atac_state),
    }


def _draw(
    kind: np.ndarray,
    state: np.ndarray,
    base: np.ndarray,
    types: np.ndarray,
    slopes: np.ndarray,
    depth: float,
    dispersion: float,
    rng: np.random.Generator,
) -> sparse.csr_matrix:
    """Draw counts: log rate = base + type + slope (state - 1/2), scaled to the cell's depth."""
    total = depth * np.exp(rng.normal(0, DEPTH_SD, len(kind)))
    step = max(BLOCK_VALUES // len(base), 1)
    parts = []
    for start in range(0, len(kind), step):
        rows = slice(start, min(start + step, len(kind)))
        log = base + types[kind[rows]] + slopes[kind[rows]] * (state[rows] - 0.5)[:, None]
        rate = np.exp(log)
        mean = (rate * (total[rows] / rate.sum(axis=1))[:, None]).astype(np.float32)
        parts.append(_counts(mean, np.full(len(base), dispersion), rng))
    return sparse.csr_matrix(sparse.vstack(parts, format="csr"), dtype=np.float32)
