"""Dictionary: networks that explain the landscape, where they are used, and their confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.report.blocks import Block, Fold, Gallery, Heading, Paragraph, table
from panscape.report.entries import titled, titles
from panscape.report.format import count, percent, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections import programs

FOLDER = "dictionary"
ENTRIES, ELBOW, FIT = (f"{FOLDER}/{name}.tsv" for name in ("entries", "elbow", "fit"))
CENTRALITY, MARKERS = f"{FOLDER}/centrality.tsv", f"{FOLDER}/marker_edges.tsv"
ENRICHMENT, COUNTERPARTS = f"{FOLDER}/enrichment.tsv", f"{FOLDER}/counterparts.tsv"
EDGES, TRUTH = f"{FOLDER}/edges.tsv.gz", "truth/genes.tsv"
FIGURES = {
    "elbow": "Number of entries",
    "usage-maps": "Usage over the landscape",
    "usage-labels": "Usage by label",
    "networks": "Most central genes",
    "confidence": "Confidence in edges",
    "enrichment": "Gene sets",
}
RECOVERED = 0.9  # minimum cosine of a planted module with the entry that recovers it
_TEXT = dict.fromkeys(("entry", "gene", "gene_a", "gene_b", "term", "library", "factor", "genes"), str)
_TITLES = {
    "n_panclusters": "panclusters",
    "pseudotime": "mean pseudotime",
    "n_edges": "edges",
    "n_genes": "genes",
    "n_marker_edges": "marker edges",
    "chance_share": "edges by chance",
    "pvalue": "p",
    "fdr": "FDR",
    "rho": "ρ of usage",
    "share": "fraction of usage",
    "central": "most central genes",
    "gene_a": "gene",
    "gene_b": "gene",
}


def entries(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the entries that are kept and those set aside."""
    rows = results.table(ENTRIES, dtype=_TEXT)
    kept = rows["kept"].astype(str) == "True"
    return rows[kept].drop(columns="kept"), rows[~kept].drop(columns="kept")


def explained(results: Results) -> dict[str, Any]:
    """Return the fit by measure (see :func:`panscape.coscape.dictionary.interpret.fit_table`)."""
    return results.table(FIT).set_index("measure")["value"].to_dict()


def top_genes(results: Results, count: int = 3) -> pd.Series:
    """Return each entry's most central genes as one text."""
    centrality = results.table(CENTRALITY, dtype=_TEXT)
    return centrality.groupby("entry", sort=False)["gene"].agg(lambda genes: ", ".join(genes.head(count)))


def planted_modules(results: Results) -> pd.DataFrame:
    """Return the best matching entry of each planted module: module, entry, cosine, found.

    The cosine is between the entry's edges and the module's pairs that are an edge of any entry, with equal
    weights; `found` is their fraction of the module's possible pairs. Modules coupled in too few panclusters
    have no entry.
    """
    edges = results.table(EDGES, dtype=_TEXT)
    genes = results.table(TRUTH, dtype=str)
    module = genes[genes["role"] == "module"].set_index("gene")["module"]
    first, second = edges["gene_a"].map(module), edges["gene_b"].map(module)
    edges = edges.assign(module=first.where(first == second))
    pair = edges["gene_a"] + "\t" + edges["gene_b"]
    norm = np.sqrt((edges["weight"] ** 2).groupby(edges["entry"]).sum())
    rows = []
    for name, members in module.groupby(module):
        inside = edges[edges["module"] == name]
        count = int(pair[inside.index].nunique())
        possible = len(members) * (len(members) - 1) / 2
        if not count:
            rows.append((name, "", np.nan, 0.0))
            continue
        cosine = inside.groupby("entry")["weight"].sum() / (norm[inside["entry"].unique()] * np.sqrt(count))
        rows.append((name, cosine.idxmax(), float(cosine.max()), count / possible))
    return pd.DataFrame(rows, columns=["module", "entry", "cosine", "found"])


def _headline(results: Results) -> list[str]:
    kept, aside = entries(results)
    genes = top_genes(results)
    known = titles(results)
    named = [
        known.get(row.entry) or f"{row.entry} ({genes.get(row.entry, 'no edges')})"
        for row in kept.head(4).itertuples()
    ]
    fit = explained(results)
    verb = "accounts" if len(kept) == 1 else "account"
    with_aside = ", those set aside included" if len(aside) else ""
    order = ". In the order of pseudotime" if kept["pseudotime"].notna().any() else ". They are"
    sentences = [
        f"{plural(len(kept), 'gene network')} {verb} for {percent(fit['explained'])} of the squared "
        f"coexpression of {plural(fit['panclusters'], 'pancluster')}{with_aside} ({count(fit['pairs'])} of "
        f"{count(fit['pairs_possible'])} gene pairs pass the dictionary's filters), with edges of "
        f"{count(fit['genes'])} of {plural(fit['genes_possible'], 'gene')}; the remaining "
        f"{percent(1 - fit['explained'])} of the square are in no entry{order}: {'; '.join(named)}"
        f"{' and others' if len(kept) > len(named) else ''}."
    ]
    if len(aside):
        few = _least(results)
        verb = "was" if len(aside) == 1 else "were"
        noun = plural(len(aside), "further entry", "further entries")
        sentences.append(f"{noun} that fewer than {few} panclusters use {verb} set aside.")
    return [*sentences, *programs.sentences(results), *_truth_sentences(results)]


def _truth_sentences(results: Results) -> list[str]:
    if not results.has(TRUTH, EDGES):
        return []
    planted = planted_modules(results)
    good = planted["cosine"] >= RECOVERED
    kept, _ = entries(results)
    alone = len(set(kept["entry"]) - set(planted.loc[good, "entry"]))
    return [
        f"Of {plural(len(planted), 'planted module')}, {int(good.sum())} are recovered, each by one entry "
        f"(cosine of their edges at least {RECOVERED}); {alone} of {plural(len(kept), 'entry', 'entries')} "
        "recover none."
    ]


def _least(results: Results) -> int:
    """Return the minimum number of panclusters that use an entry."""
    settings = DictionarySettings(min_panclusters=results.settings(FOLDER).get("min_panclusters", "auto"))
    return settings.least_panclusters(int(explained(results)["panclusters"]))


def _blocks(results: Results) -> list[Block]:
    kept, aside = entries(results)
    limit = results.table_rows
    shown = kept.assign(central=kept["entry"].map(top_genes(results)).fillna(""))
    shown = shown.drop(columns=[name for name in shown if shown[name].isna().all()])
    blocks: list[Block] = [
        Paragraph(
            f"Every pancluster's coexpression is written as a sum of a few networks (entries){_order(kept)}; "
            f"{_form(results)}. Stability is the cosine with the matched entries of other starts; "
            "reliability compares correlations from two halves of the cells (0 for noise, 1 for perfect "
            "agreement); edges by chance are the fraction of the panclusters' edges that pass after "
            "permuting cells, before the dictionary excludes weak ones."
        ),
        *_pictures(results, "elbow"),
        table(
            titled(shown, results),
            titles=_TITLES,
            caption="Entries and their most central genes.",
            file=ENTRIES,
        ),
    ]
    if len(aside):
        few = _least(results)
        text = f"{plural(len(aside), 'entry', 'entries')} set aside: used by fewer than {few} panclusters."
        blocks.append(Paragraph(text, "note"))
    blocks += _pictures(results, "usage-maps", "networks", "usage-labels", "confidence")
    blocks += programs.blocks(results)
    blocks += [Heading("Marker edges"), _strongest(results, MARKERS, limit, "Edges of one entry only.")]
    blocks += [*_sets(results, limit), *_counterparts(results), *_truth(results)]
    return blocks


def _order(kept: pd.DataFrame) -> str:
    timed = kept["pseudotime"].notna().any()
    return ", in the order of the mean pseudotime of their usage" if timed else ""


def _form(results: Results) -> str:
    if results.settings(FOLDER).get("entries", "products") == "products":
        return "each entry is one group of genes, with edges weighted by the product of their loadings"
    return "entries are arbitrary sets of pairs, so one may contain several networks that are used together"


def _pictures(results: Results, *names: str) -> list[Block]:
    pictures = [
        results.picture(
            f"{FOLDER}/figures/{name}", FIGURES[name], caption=caption(f"dictionary_{name.replace('-', '_')}")
        )
        for name in names
        if results.has(f"{FOLDER}/figures/{name}.png")
    ]
    return [Gallery((picture,)) for picture in pictures]


def _strongest(results: Results, path: str, limit: int, text: str) -> Block:
    rows = results.table(path, dtype=_TEXT).sort_values("weight", ascending=False, kind="stable")
    rows = rows.drop(columns=[name for name in rows if rows[name].isna().all()])
    return table(titled(rows, results), titles=_TITLES, caption=text, file=path, limit=limit)


def _sets(results: Results, limit: int) -> list[Block]:
    if not results.has(ENRICHMENT):
        text = "No gene sets were given (`dictionary.gene_sets`), so entries are not tested for them."
        return [Paragraph(text, "note")]
    enriched = results.table(ENRICHMENT, dtype=_TEXT)
    best = enriched[enriched["representative"].astype(str) == "True"].sort_values(["entry", "pvalue"])
    columns = ["entry", "library", "term", "overlap", "size", "pvalue", "fdr", "genes"]
    few = best.groupby("entry", sort=False).head(3)[columns]
    text = "Gene sets of the genes of marker edges, the best of up to three groups per entry."
    return [
        Heading("Gene sets"),
        *_pictures(results, "enrichment"),
        table(titled(few, results), titles=_TITLES, caption=text, file=ENRICHMENT, limit=2 * limit),
    ]


def _counterparts(results: Results) -> list[Block]:
    if not results.has(COUNTERPARTS):
        return []
    programs = results.table(COUNTERPARTS, dtype=_TEXT)
    headers = {
        **_TITLES,
        "shared": "top genes of the factor in the network",
        "n_genes": "genes of the network",
    }
    text = "Best match of each entry among as many non-negative factors of the expression."
    block = table(titled(programs, results), titles=headers, caption=text, file=COUNTERPARTS)
    return [Fold("Counterparts in expression space", (block,))]


def _truth(results: Results) -> list[Block]:
    if not results.has(TRUTH, EDGES):
        return []
    headers = {"entry": "best entry", "found": "fraction of its pairs found"}
    planted = planted_modules(results)
    planted = planted.assign(recovered=np.where(planted["cosine"] >= RECOVERED, "yes", "no"))
    block = table(
        titled(planted, results), titles=headers, caption="Planted modules and their best matching entries."
    )
    return [Fold("Planted modules", (block,))]


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    kept, _ = entries(results)
    products = used.get("entries", "products") == "products"
    what = "non-negative networks, with edges weighted by products of loadings," if products else ""
    how = (
        f"that of entries that explain more than {used.get('elbow_factor')} times what an entry explains "
        "after permuting genes in each pancluster."
        if products
        else "suggested from the error curve."
    )
    sentences = [
        f"A dictionary of {len(kept)} {what or 'non-negative networks'} was learned from all panclusters' "
        "coexpression by alternating minimisation of half the squared error plus the lasso penalty of the "
        f"codes (alpha {used.get('alpha')}, best of {used.get('starts')} starts); the number of entries was "
        + (how if used.get("k") == "auto" else "fixed."),
        "Networks contain the heaviest pairs that account for "
        f"{percent(used.get('edge_fraction', 1))} of an entry's "
        "squared weight; centrality is betweenness on the unweighted network.",
    ]
    if results.has(ENRICHMENT):
        sentences.append(
            "Genes of marker edges were tested for gene sets by the hypergeometric test with the genes "
            "analysed as background and the Benjamini-Hochberg procedure."
        )
    return [*sentences, *programs.methods(results)]


def _idle(results: Results) -> list[str]:
    if results.has(programs.PROGRAMS):
        return []
    return [*programs.REFERENCES, *([] if results.has(ENRICHMENT) else ["benjamini1995fdr"])]


SECTION = Section(
    "dictionary",
    "Networks",
    (ENTRIES, ELBOW, FIT, CENTRALITY, MARKERS),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=(
        "hie2019coscape",
        "mairal2010dictionary",
        "freeman1977betweenness",
        "benjamini1995fdr",
        *programs.REFERENCES,
    ),
    idle=_idle,
    optional=True,
)
