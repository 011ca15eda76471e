"""Gene networks of lines: similarity and associations with phenotypes."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Gallery, Heading, Paragraph, table
from panscape.report.format import count, fixed, listing, number, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections.network_engines import MODELS, engine_blocks, neighbour_blocks
from panscape.report.sections.network_lines import (
    TESTS,
    TEXT,
    confounders,
    networks_of,
    reliability_flags,
    tested_designs,
)
from panscape.report.sections.network_methods import (
    FOLDER,
    GENES,
    SETS,
    controlled,
    genes,
    idle,
    methods,
    words,
)
from panscape.report.sections.sivae import LINES, bin_cells

EDGES = f"{FOLDER}/set_edges.tsv"
KNOWN = f"{FOLDER}/known.tsv"
FIGURES = {
    "lines": "Lines by their networks",
    "genes": "Genes whose centrality follows the phenotype",
    "networks": "The network of a gene set in several lines",
    "reliability": "Reliability of the lines' networks",
    "effects": "Change of connectivity with the phenotype",
    "hubs": "Centrality at both ends of the phenotype",
    "ends": "Edges gained and lost between the ends",
}
_TITLES = {
    "part": "comparison", "null_mean": "by chance", "null_sd": "± sd", "null_95": "95 % of chance below",
    "pvalue": "p", "fdr": "FDR", "rho": "ρ", "rho_partial": "ρ, controlled", "fdr_partial": "FDR, controlled",
    "rho_mean_expression": "ρ of mean expression", "pvalue_labels": "p, labels permuted",
    "pvalue_labels_min": "smallest possible p, labels permuted", "nes": "NES",
    "pvalue_permuted": "p, labels permuted", "set_a": "set", "set_b": "and", "odds_ratio": "odds ratio",
}  # fmt: skip


def cannot(results: Results) -> dict[str, str]:
    """Return phenotype -> why no gene can be called, for those with too few lines."""
    tests = results.table(TESTS, dtype=TEXT)
    rows = tests[(tests["part"] == "genes") & tests["status"].fillna("").str.startswith("cannot be decided")]
    return dict(zip(rows["phenotype"], rows["status"], strict=True))


def bins(results: Results) -> str:
    """Describe the bins that the networks were trained on, by their sizes."""
    sizes = bin_cells(results)
    if sizes is None:
        return "bins of its cells"
    low, high = map(count, sizes)
    if low == high:
        return f"bins of {low} cells"
    return (
        f"bins of {low} to {high} cells: networks of larger bins are estimated "
        "better, so if size correlates with a phenotype, networks may do so as well"
    )


def planted(results: Results) -> pd.DataFrame | None:
    """Return how many genes of each planted role are called, or None without planted roles."""
    truths = [name for name in results.named if name.startswith("truth/") and name.endswith("/genes.tsv")]
    if not truths:
        return None
    truth = pd.concat([results.table(name, dtype={"gene": str, "role": str}) for name in truths])
    ranked = genes(results)
    # groups are cut from the phenotype that was planted, so that its genes are what both should find
    joined = ranked.merge(truth[["gene", "role"]].drop_duplicates("gene"), on="gene")
    rows = joined.groupby(["phenotype", "model", "role"], sort=False)
    counted = rows["call"].agg(
        genes="size",
        connectivity=lambda call: int((call == "connectivity").sum()),
        expression=lambda call: int((call == "with expression").sum()),
    )
    return counted.reset_index().replace({"model": MODELS})


def _headline(results: Results) -> list[str]:
    ranked = genes(results)
    connected = ranked[(ranked["model"] == "sivae") & (ranked["call"] == "connectivity")]
    if ranked.empty:
        return ["Networks of lines were compared; no phenotype could be tested."]
    why = cannot(results)
    parts = [
        f"{words(name)} in {plural(int((connected['phenotype'] == name).sum()), 'gene')}"
        for name in dict.fromkeys(ranked["phenotype"])
        if name not in why
    ]
    text = [f"Genes and {name}: {reason}." for name, reason in why.items()]
    if parts:
        controls = listing([words(name) for name in controlled(ranked)])
        beyond = f"beyond {controls}" if controls else "(with too few lines to control for covariates)"
        text.insert(
            0, f"In siVAE's networks connectivity follows {listing(parts)} {beyond} (tests on lines)."
        )
    return text


def _blocks(results: Results) -> list[Block]:
    limit = results.table_rows
    tests = results.table(TESTS, dtype=TEXT)
    designs, warned = tests[tests["part"] == "design"], tests[tests["part"] == "confounding"]
    tests = tests[~tests["part"].isin(["design", "confounding"])]
    done = tests[tests["status"] == "tested"]
    skipped = tests[tests["status"] != "tested"]
    maps = done[done["statistic"].fillna("").str.match("permanova|mantel|pc1")].replace({"model": MODELS})
    columns = ["part", "model", "phenotype", "statistic", "value", "null_mean", "null_sd", "pvalue", "n"]
    blocks: list[Block] = [
        Paragraph(
            f"{networks_of(results)}, trained on {bins(results)}. All tests use lines, not bins or "
            "cells, as samples, or the blocks of lines (donors) that share a phenotype. Other engines make "
            "networks of the same cells, tested in the same way."
        ),
        *confounders(warned),
        *tested_designs(designs),
        Gallery((_picture(results, "lines"), _picture(results, "reliability"))),
        *reliability_flags(results),
        table(
            maps[columns],
            titles=_TITLES,
            caption="Similarity of networks against similarity of phenotype; the null permutes phenotypes.",
            file=TESTS,
        ),
        *engine_blocks(results, limit),
        Heading("Genes"),
        Gallery((_picture(results, "genes"), _picture(results, "networks"))),
        Gallery(tuple(_picture(results, name) for name in ("effects", "hubs", "ends"))),
        *_gene_tables(results, done, limit),
    ]
    blocks += _set_tables(results, limit)
    blocks += neighbour_blocks(results, limit)
    if len(skipped):
        rows = skipped[["part", "model", "phenotype", "status"]].fillna("").drop_duplicates()
        text = "Tests that were not performed, with reasons."
        blocks.append(table(rows, titles=_TITLES, caption=text, file=TESTS, limit=limit))
    return blocks


def _picture(results: Results, name: str):
    return results.picture(f"{FOLDER}/figures/{name}", FIGURES[name], caption=caption(f"networks_{name}"))


def _gene_tables(results: Results, done: pd.DataFrame, limit: int) -> list[Block]:
    ranked = genes(results)
    if ranked.empty:
        return [Paragraph("No phenotype could be tested.", "warning")]
    null = done[done["part"] == "genes"].replace({"model": MODELS})
    shown = ["model", "phenotype", "statistic", "value", "null_mean", "null_95", "pvalue", "n"]
    blocks: list[Block] = []
    if len(null):
        text = "Number of associated genes, compared with permuted phenotypes."
        blocks.append(table(null[shown], titles=_TITLES, caption=text, file=TESTS))
    truth = planted(results)
    if truth is not None:
        titles = {"expression": "with expression only"}
        text = (
            "Planted in the simulated lines: genes of the role loses lose connectivity and keep their "
            "means, those of moves change only in their means."
        )
        blocks.append(table(truth, titles=titles, caption=text, limit=60))
    columns = ["gene", "phenotype", "rho", "fdr", "rho_partial", "fdr_partial", "rho_mean_expression", "call"]
    called = ranked[(ranked["model"] == "sivae") & (ranked["call"] != "")]
    if called.empty:
        return [*blocks, Paragraph("No gene's centrality in siVAE is found to follow a phenotype.")]
    caption_ = "Genes whose centrality in siVAE follows a phenotype."
    blocks.append(table(called[columns], titles=_TITLES, caption=caption_, file=GENES, limit=limit))
    return blocks


def _set_tables(results: Results, limit: int) -> list[Block]:
    blocks: list[Block] = []
    sets = results.table(SETS, dtype={"term": str, "model": str, "phenotype": str, "library": str})
    kept = sets[sets["model"] == "sivae"].sort_values(["pvalue", "fdr"], kind="stable")
    if len(kept):
        columns = ["term", "phenotype", "ranking", "size", "nes", "pvalue", "fdr"]
        columns += ["pvalue_labels", "pvalue_labels_min"]
        kept = _attainable(kept, int(results.settings(FOLDER).get("gsea_permutations", 1000)))
        text = (
            "Gene sets at the ends of siVAE's associations. p and FDR treat genes as independent; p of "
            "permuted labels does not."
        )
        level = results.settings(FOLDER).get("fdr", 0.05)
        if few := int((kept["pvalue_labels_min"] > level).sum()):
            text += (
                f" For {few} of {int(kept['pvalue_labels_min'].notna().sum())} rows, permuted labels are not "
                f"informative: with so few lines p cannot be as small as {fixed(level, 2)}."
            )
        blocks.append(table(kept[columns], titles=_TITLES, caption=text, file=SETS, limit=limit))
    edges = results.table(EDGES, dtype={"set_a": str, "set_b": str, "model": str, "phenotype": str})
    if len(edges):
        columns = ["set_a", "set_b", "phenotype", "model", "edges", "rho", "fdr", "fdr_partial"]
        text = "Numbers of edges inside and between gene sets against the phenotype."
        shown = edges[columns].replace({"model": MODELS})
        blocks.append(table(shown, titles=_TITLES, caption=text, file=EDGES, limit=limit))
    if results.has(KNOWN):
        known = results.table(KNOWN, dtype={"line": str, "model": str, "network": str})
        mean = known.groupby(["network", "model"], sort=False)[["odds_ratio", "low", "high"]].median()
        text = "Odds ratio of known interactions among the lines' edges (median over lines, with interval)."
        shown = mean.reset_index().replace({"model": MODELS})
        blocks.append(table(shown, titles=_TITLES, caption=text, file=KNOWN))
    return blocks


def _attainable(sets: pd.DataFrame, permutations: int) -> pd.DataFrame:
    """Write p and FDR of 0 as below one in the number of permutations."""
    below = f"< {number(1 / permutations)}"
    written = {
        name: [below if value == 0 else number(value) for value in sets[name]] for name in ("pvalue", "fdr")
    }
    return sets.assign(**written)


SECTION = Section(
    FOLDER,
    "Networks of lines",
    (GENES, TESTS, LINES),
    _blocks,
    headline=_headline,
    methods=methods,
    idle=idle,
    references=(
        "choi2023sivae",
        "su2023cscore",
        "quinn2017propr",
        "shervashidze2011wl",
        "kornblith2019cka",
        "anderson2001permanova",
        "freedman1983residuals",
        "bourgon2010filtering",
        "subramanian2005gsea",
        "benjamini1995fdr",
    ),
    optional=True,
)
