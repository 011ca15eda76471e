"""Simulated collections: recovery of the planted structure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.report.blocks import Block, Paragraph, table
from panscape.report.format import count, fixed, percent, plural
from panscape.report.results import Results
from panscape.report.section import Section
from panscape.report.sections.along import GENES, PAIRS, genes, pairs
from panscape.report.sections.coexpression import PAIRS as COEXPRESSED
from panscape.report.sections.coexpression import all_pairs
from panscape.stats.ranks import auroc

TRUTH_GENES = "truth/genes.tsv"
TOP = 100


def planted(results: Results) -> pd.DataFrame:
    """Return what was planted for each gene: `gene`, `role` (module, age, type ...), `module`."""
    return results.table(TRUTH_GENES, dtype={"gene": str, "role": str, "module": str})


def same_module(candidates: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    """Return for each gene pair whether both genes belong to one planted module: bool (n_pairs,)."""
    module = truth.set_index("gene")["module"].where(lambda name: name.notna() & (name != ""))
    first, second = candidates["gene_a"].map(module), candidates["gene_b"].map(module)
    return (first.notna() & (first == second)).to_numpy()


def recovery(results: Results) -> pd.DataFrame:
    """Return the measures of recovery: `measure`, `value`, `by chance`."""
    truth = planted(results)
    recovered = same_module(all_pairs(results), truth)
    ranked = pairs(results)
    by_gene = genes(results).merge(truth[["gene", "role"]], on="gene", how="left")
    top = same_module(ranked, truth)[:TOP]
    analysed = truth[truth["gene"].isin(by_gene["gene"])]
    sizes = analysed.loc[analysed["role"] == "module", "module"].value_counts()
    possible, everything = int((sizes * (sizes - 1) // 2).sum()), len(analysed) * (len(analysed) - 1) // 2
    rows = [
        (
            f"of the {len(top)} pairs that change most along pseudotime, inside one planted module",
            percent(top.mean()) if len(top) else "–",
            f"{percent(possible / everything)} of all pairs of analysed genes" if everything else "–",
        ),
        (
            "of the pairs inside planted modules, found coexpressed somewhere",
            percent(recovered.sum() / possible) if possible else "–",
            f"{percent((~recovered).sum() / (everything - possible))} of all other pairs"
            if everything > possible
            else "–",
        ),
        (
            "genes planted to change with age rank above the others by |ρ| with pseudotime (AUC)",
            fixed(auroc(by_gene["rho"].abs().to_numpy(), (by_gene["role"] == "age").to_numpy())),
            "0.50",
        ),
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "by chance"])


def _blocks(results: Results) -> list[Block]:
    truth = planted(results)
    roles = truth["role"].value_counts()
    return [
        Paragraph(
            "These studies are simulated, so the truth is known: "
            f"{plural(int(truth['module'].nunique()), 'gene module')} whose coexpression changes with age "
            f"({count(int(roles.get('module', 0)))} genes), and {count(int(roles.get('age', 0)))} genes "
            "whose mean expression changes with age."
        ),
        table(recovery(results), caption="Recovery of the planted structure, compared with chance."),
    ]


def _headline(results: Results) -> list[str]:
    first = recovery(results).iloc[0]
    measure = first["measure"].rpartition(", ")[0]
    return [
        f"Planted truth: {measure}, {first['value']} lie inside one planted module ({first['by chance']})."
    ]


SECTION = Section(
    "truth",
    "Planted truth",
    (TRUTH_GENES, GENES, PAIRS, COEXPRESSED),
    _blocks,
    headline=_headline,
    optional=True,
)
