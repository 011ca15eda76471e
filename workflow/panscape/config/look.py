"""A look at the file of one study before the first job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from panscape.config import gene_overlap, studies
from panscape.config.sampled import check_samples, names_samples
from panscape.config.trained_labels import wanted_columns
from panscape.data.readers.study import at, listing
from panscape.data.species import Naming, naming
from panscape.errors import Problem, UserError, fail

if TYPE_CHECKING:
    import numpy as np

    from panscape.data.readers.genes import GeneMap
    from panscape.data.readers.source import Source
    from panscape.preprocess.understood import Understood


@dataclass(frozen=True)
class Seen:
    """Contents of a readable study.

    Parameters
    ----------
    where
        Its key in the configuration, ``studies[1]``.
    name
        Its id.
    cells
        Number of cells after `keep`, before quality control.
    genes
        Gene names in the collection's spelling; None if not known yet.
    measured
        Genes detected in enough cells; all genes if counting would take too long.
    labels
        Annotations of the cells after `keep` that labels and scenarios of UniCoord name.
    naming
        What the gene names of the file tell of its species.
    mapping
        Numbers of genes by their relation to those of the collection's species; empty if it is the same.
    understood
        What is shown of it at the dry run; None for files without genes.
    """

    where: str
    name: str
    cells: int
    genes: frozenset[str] | None
    labels: pd.DataFrame = field(default_factory=pd.DataFrame)
    measured: frozenset[str] = frozenset()
    naming: Naming = field(default_factory=Naming)
    mapping: dict[str, Any] = field(default_factory=dict)
    understood: Understood | None = None


def look(
    config: dict[str, Any], study: dict[str, Any], where: str, places: pd.DataFrame | None
) -> tuple[list[Problem], Seen | None]:
    """Return the problems of one study and, if there are none, its contents.

    Parameters
    ----------
    config
        The complete configuration.
    study
        One item of its ``studies``.
    where
        Key of the study.
    places
        Places of the first genes, for studies with peaks; None without them.
    """
    from panscape.data.readers.check import check_study
    from panscape.data.readers.genes import written_names
    from panscape.data.readers.keep import kept_cells
    from panscape.data.readers.metadata import cell_table, read_metadata
    from panscape.data.readers.open import open_source
    from panscape.data.readers.orthologues import reference_genes, summary

    if study["simulated"]:
        return [], Seen(where, study["id"], studies.size(config, study["id"]).cells, None)
    if study.get("metacells"):
        return [], None
    located = studies.located(config, study["id"])
    if study["url"] and not Path(located["path"]).exists():
        return [], None
    problems = check_study(located, where, config["species"], config["age_unit"])
    if problems:
        return problems, None
    try:
        source = open_source(located, where=where)
        annotated, kept = read_metadata(located, source, where, config["age_unit"]), None
        if study["keep"]:
            kept = kept_cells(located, cell_table(located, source, where), annotated, where)
        chosen = annotated if kept is None else annotated[kept]
        if names_samples(config, study):
            check_samples(config, study, chosen)
        mapped = reference_genes(located, source, config["species"], where)
        told = naming(written_names(located, source, where))
        if "metacells" in study["use"]:
            from panscape.coem.genes import check_places
            from panscape.coem.multiome import check_peaks

            peaks = check_peaks(studies.paired(config, study["id"]), source.cells, where)
            if places is not None and peaks is not None and not (study.get("atac") or {}).get("only"):
                check_places(config["metacells"], peaks, source.genes, places)
        understood = None
        if not (study.get("atac") or {}).get("only"):
            unit = config["age_unit"]
            understood = _understood(located, source, where, mapped.own, annotated, kept, unit)
    except UserError as error:
        return list(error.problems), None
    genes = mapped.genes
    measured = frozenset(genes.names)
    if len(studies.used_by(config, "landscape")) > 1 and "landscape" in study["use"]:
        least = study["qc"].get("min_cells_per_gene", config["preprocess"]["min_cells_per_gene"])
        measured = gene_overlap.detected(source, genes, kept, least)
    numbers = summary(mapped.table, study["id"], located["species"]) if mapped.onto is not None else {}
    names = frozenset(genes.names)
    labels = chosen[sorted(wanted_columns(config) & set(chosen))]
    return [], Seen(where, study["id"], len(chosen), names, labels, measured, told, numbers, understood)


def _understood(
    study: dict[str, Any],
    source: Source,
    where: str,
    genes: GeneMap,
    obs: pd.DataFrame,
    kept: np.ndarray | None,
    unit: str | None,
) -> Understood:
    """Return what was understood of a study; a UserError if its cells have the names of genes."""
    from panscape.preprocess.understood import transposed, understand

    result = understand(
        study,
        source,
        where,
        species=study["species"],
        genes=genes,
        obs=obs,
        kept=kept,
        age_unit=unit,
    )
    species = transposed(result, source.cells[:2000])
    if species:
        table = source.format in ("csv", "tsv")
        raise fail(
            at(study, where, "orientation" if table else "path"),
            f"the cells are named as genes of {species} ({listing(source.cells, 3)}), the genes are not "
            f"({listing(result.genes, 3)})",
            "write orientation: genes-by-cells" if table else "transpose the matrix: cells are rows",
        )
    return result
