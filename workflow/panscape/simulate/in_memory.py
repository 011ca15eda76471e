"""Simulated studies as AnnData and MuData in memory, for examples, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy import sparse

from panscape.simulate.design import design
from panscape.simulate.donors import DonorsSettings, DonorsStudy, donors_study
from panscape.simulate.draw import Study, study
from panscape.simulate.lines import LinesSettings, LinesStudy, lines_study
from panscape.simulate.multiome import MultiomeSettings, draw_multiome
from panscape.simulate.settings import Settings
from panscape.simulate.treatments import TreatmentsSettings, TreatmentsStudy, treatments_study

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


def simulate_atlas(
    settings: Settings | Mapping[str, Any] | None = None, *, seed: int = 0, **changes: Any
) -> AnnData:
    """Simulate studies of a developing system whose gene modules change their coexpression with age.

    Parameters
    ----------
    settings
        The system and its studies; a mapping has the keys of the section ``simulation``. None:
        one study of 5000 cells and 2000 genes.
    seed
        Seed of all draws.
    **changes
        Individual settings; they override those of a mapping.

    Returns
    -------
    AnnData of all studies together: CSR counts in ``X``; ``obs`` with study, age, cell_type, lineage, sample,
    platform and quality; ``uns["modules"]`` with the planted modules. The counts are those that the workflow
    writes for the same settings and seed, of the genes that all studies measure.

    Raises
    ------
    UserError
        For unknown settings, and for contradictory settings.

    Examples
    --------
    >>> studies = [{"name": "a", "cells": 60, "ages": [0, 10]}, {"name": "b", "cells": 40, "ages": [5, 20]}]
    >>> cells = simulate_atlas(studies=studies, n_genes=200, n_modules=4, module_genes=8, seed=1)
    >>> cells.shape, cells.obs["study"].value_counts().to_dict()
    ((100, 200), {'a': 60, 'b': 40})
    """
    import anndata

    given = (
        settings if isinstance(settings, Settings) and not changes else {**_as_mapping(settings), **changes}
    )
    system = design(Settings.of(given), seed)
    parts = {item.name: _in_memory(study(system, item.name)) for item in system.settings.studies}
    atlas = anndata.concat(parts, label="study", index_unique=None)
    atlas.uns["modules"] = system.modules
    if not atlas.obs_names.is_unique:
        atlas.obs_names = atlas.obs["study"].astype(str) + ":" + atlas.obs_names
    return atlas


def simulate_lines(name: str = "lines", *, seed: int = 0, **settings: Any) -> AnnData:
    """Simulate cell lines or donors with a graded phenotype.

    In the module of genes A01, A02, ... connectivity decreases with the phenotype at constant means; in B01,
    B02, ... only means change.

    Parameters
    ----------
    name, seed
        Name of the study and seed; both determine the draws.
    **settings
        Fields of :class:`panscape.simulate.lines.LinesSettings`.

    Returns
    -------
    AnnData: CSR counts in ``X``; ``obs`` with line, phenotype (0 to 1), group; ``var`` with module and role.

    Examples
    --------
    >>> cells = simulate_lines(lines=4, cells=25, n_genes=80, seed=1)
    >>> cells.shape, sorted(cells.obs["line"].unique())
    ((100, 80), ['line1', 'line2', 'line3', 'line4'])
    """
    return _with_roles(lines_study(LinesSettings(name, **settings), seed))


def simulate_donors(name: str = "donors", *, seed: int = 0, **settings: Any) -> AnnData:
    """Simulate samples of donors with a trait, conditions and covariates, and genes that follow them.

    Parameters
    ----------
    name, seed
        Name of the study and seed; both determine the draws.
    **settings
        Fields of :class:`panscape.simulate.donors.DonorsSettings`, e.g. ``depth_rho=0.99`` for depth that is
        confounded with the trait, or ``conditions=("untreated", "treated"), follows="condition"``.

    Returns
    -------
    AnnData: CSR counts in ``X``; ``obs`` with line (the sample), donor, condition, trait, group, outcome,
    age, sex, batch, cell_type; ``var`` with module and role; ``uns["samples"]`` and ``uns["edges"]`` with the
    table of samples and the planted edges.

    Examples
    --------
    >>> cells = simulate_donors(donors=4, cells=25, n_genes=150, seed=1)
    >>> cells.shape, int((cells.var["role"] == "connects").sum())
    ((100, 150), 40)
    """
    drawn = donors_study(DonorsSettings(name, **settings), seed)
    cells = _with_roles(drawn)
    cells.uns |= {"samples": drawn.samples, "edges": drawn.edges}
    return cells


def simulate_treatments(name: str = "treatments", *, seed: int = 0, **settings: Any) -> AnnData:
    """Simulate types under treatments, in batches: effects that differ between types, rare and unknown types.

    Parameters
    ----------
    name, seed
        Name of the study and seed; both determine the draws.
    **settings
        Fields of :class:`panscape.simulate.treatments.TreatmentsSettings`, e.g. ``interaction=0.5`` for
        effects of a treatment half of whose variance differs between types, or ``confounding=0.8``.

    Returns
    -------
    AnnData: CSR counts in ``X``; ``obs`` with cell_type, treatment, batch, known;
    ``uns["effects"]`` with the planted changes of log expression (treatment -> types x genes).

    Raises
    ------
    UserError
        For contradictory settings.

    Examples
    --------
    >>> cells = simulate_treatments(cells=300, n_genes=100, types=4, unknown=1, seed=1)
    >>> cells.shape, int((~cells.obs["known"]).sum()) > 0, cells.uns["effects"]["treated"].shape
    ((300, 100), True, (5, 100))
    """
    drawn = treatments_study(TreatmentsSettings(name, **settings), seed)
    cells = _in_memory(drawn)
    cells.uns["effects"] = {
        treatment: pd.DataFrame(effect, index=list(drawn.types), columns=cells.var_names)
        for treatment, effect in zip(drawn.settings.treatments, drawn.effects, strict=True)
    }
    return cells


def simulate_multiome(name: str = "multiome", *, seed: int = 0, **settings: Any) -> MuData:
    """Simulate a sample with RNA and accessibility in every cell, and links between peaks and genes.

    Parameters
    ----------
    name, seed
        Name of the sample and seed; both determine the draws.
    **settings
        Fields of :class:`panscape.simulate.multiome.MultiomeSettings`.

    Returns
    -------
    MuData with the modalities ``rna`` and ``atac`` (CSR counts); ``obs`` with cell_type and state (0 to 1);
    ``uns["links"]`` with the planted links.

    Examples
    --------
    >>> sample = simulate_multiome(cells=50, n_genes=60, n_peaks=150, seed=1)
    >>> sample["rna"].shape, sample["atac"].shape
    ((50, 60), (50, 150))
    """
    import mudata
    from anndata import AnnData

    drawn = draw_multiome(MultiomeSettings(name, **settings), seed)
    empty = pd.DataFrame(index=drawn.obs.index)
    tables = {
        "rna": AnnData(drawn.rna, obs=empty, var=drawn.genes),
        "atac": AnnData(drawn.atac, obs=empty, var=drawn.peaks),
    }
    with mudata.set_options(pull_on_update=False):
        sample = mudata.MuData(tables)
    sample.obs = drawn.obs
    sample.uns["links"] = drawn.links
    return sample


def _as_mapping(settings: Settings | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if isinstance(settings, Settings):
        return vars(settings)
    return settings or {}


def _in_memory(drawn: Study | LinesStudy | DonorsStudy | TreatmentsStudy) -> AnnData:
    import anndata

    counts = sparse.vstack([block for _, block in drawn.blocks()], format="csr")
    return anndata.AnnData(counts, obs=drawn.obs.copy(), var=drawn.var)


def _with_roles(drawn: LinesStudy | DonorsStudy) -> AnnData:
    cells = _in_memory(drawn)
    cells.var = cells.var.join(drawn.genes.set_index("gene")[["module", "role"]])
    return cells
