"""Links of peaks to genes over metacells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.coem.links.reach import NEIGHBOUR
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
    called = _found(links)
    best = results.table(f"{folder}/best_links.tsv", dtype={"gene": str, "peak": str, "runner_up": str})
    leads = _found(best)
    explained = int(links["explained_by"].fillna("").astype(str).ne("").sum())
    reached = int((links["fdr"] <= results.settings(FOLDER)["fdr"]).sum())
    near, beside = values[("genome", "peaks_at_starts")], values[("genome", "peaks_beside_starts")]
    settings = results.settings(FOLDER)
    text = (
        f"Of {count(len(links))} pairs of a gene and a peak within {settings['window'] // 1000} kb, "
        f"{count(len(called))} are links at a false discovery rate of {fixed(settings['fdr'])}, and "
        f"{count(len(leads))} of {count(len(best))} genes have a best peak at that rate. "
        f"{count(explained)} more pairs reach the rate but lie within {NEIGHBOUR // 1000} kb of a better "
        f"link of the gene, and {count(reached - explained - len(called))} are not called, since they "
        "probably share only cell types with the gene, or are no better than the gene's own decoys. "
        "Rates are estimated from decoys, the same genes with matched peaks of other chromosomes. "
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
    shown = ["gene", "peak", "distance", "r", "rho", "pvalue", "fdr", "probability", "runner_up"]
    names = {"rho": "ρ", "background_mean": "r by chance", "pvalue": "p", "runner_up": "second-best peak"}
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
            leads[shown],
            titles=names,
            caption="The best peak of each gene; probability: among its peaks, given that one is linked.",
            file=f"{folder}/best_links.tsv",
            limit=results.table_rows,
        ),
        table(
            called[columns],
            titles=names,
            caption="Links with the smallest false discovery rates.",
            file=f"{folder}/links.tsv.gz",
            limit=results.table_rows,
        ),
    ]


def _found(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are called, those with the smallest false discovery rates first."""
    return table[table["found"].astype(str) == "True"].sort_values(["fdr", "pvalue"], kind="stable")


def link_methods(results: Results, used: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the linking of peaks to genes, if there are links."""
    if not any(len(link_evidence(results, sample)) for sample in samples(results)):
        return []
    return [
        f"Peaks within {used['window'] // 1000} kb were linked to genes by {used['statistic'].capitalize()} "
        "correlation over metacells. Pairs were scored by correlation, distance and the spread of the "
        "gene's and the peak's correlations (a logistic regression, cross-fitted over chromosomes), and "
        "false discovery rates estimated from the same genes with peaks of other chromosomes matched by "
        "accessibility and GC content or size (target-decoy; Elias and Gygi 2007), at most "
        f"{used['fdr']}."
    ]
