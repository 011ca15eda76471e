"""Links of peaks to genes over metacells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.report.blocks import Block, Gallery, Paragraph, table
from panscape.report.format import count, fixed, percent
from panscape.report.results import Results
from panscape.report.sections.metacell_tables import FOLDER, evidence_of, link_evidence, samples


def link_blocks(results: Results, sample: str, evidence: pd.DataFrame, pictures: tuple) -> list[Block]:
    """Return the blocks of a sample on links.

    Parameters
    ----------
    results
        The report's results.
    sample
        Name of the sample.
    evidence
        Its table of evidence (:func:`~panscape.report.sections.metacell_tables.link_evidence`).
    pictures
        Figures of all links and of one gene's.
    """
    folder = f"{FOLDER}/{sample}"
    values = evidence_of(results, sample)
    links = results.table(f"{folder}/links.tsv.gz", dtype={"gene": str, "peak": str})
    called = links[links["found"].astype(str) == "True"].sort_values("pvalue", kind="stable")
    near, beside = values[("genome", "peaks_at_starts")], values[("genome", "peaks_beside_starts")]
    settings = results.settings(FOLDER)
    text = (
        f"Of {count(len(links))} pairs of a gene and a peak within {settings.get('window', 0) // 1000} kb, "
        f"{count(len(called))} are links at a false discovery rate of {fixed(settings.get('fdr', 0.1))}. "
        f"{percent(near)} of the peaks lie within 1 kb of a gene's start, {percent(beside)} within 1 kb of "
        "places 50 kb away."
    )
    blocks: list[Block] = [Paragraph(text)]
    if near < 2 * beside:
        blocks.append(
            Paragraph("Few peaks are at genes' starts: are peaks and genes of one genome build?", "warning")
        )
    titles = {
        "method_name": "observations",
        "negative": "negative",
        "negative_trans": "negative, other chromosomes",
        "auc": "AUC against other chromosomes",
        "median": "median r",
        "median_trans": "median r, other chromosomes",
        "planted_median": "median r of planted links",
        "planted_auc": "planted against other pairs (AUC)",
    }
    columns = ["gene", "peak", "distance", "r", "rho", "background_mean", "z", "pvalue", "fdr"]
    return [
        *blocks,
        Gallery((pictures[0],)),
        table(
            evidence,
            titles=titles,
            caption="Pairs within reach compared with matched pairs.",
            file=f"{folder}/evidence.tsv",
        ),
        Gallery((pictures[1],)),
        table(
            called[columns],
            titles={"r": "r", "rho": "ρ", "background_mean": "r by chance", "pvalue": "p"},
            caption="Links with the smallest p-values.",
            file=f"{folder}/links.tsv.gz",
            limit=results.table_rows,
        ),
    ]


def link_methods(results: Results, used: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the linking of peaks to genes, if there are links."""
    if not any(len(link_evidence(results, sample)) for sample in samples(results)):
        return []
    return [
        f"Peaks within {used.get('window', 0) // 1000} kb were linked to genes by "
        f"{str(used.get('statistic')).capitalize()} "
        f"correlation over metacells against {used.get('background')} matched peaks of other chromosomes "
        f"(Benjamini-Hochberg, {used.get('fdr')})."
    ]
