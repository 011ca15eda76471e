"""Metacells of the multi-omic samples, compared with other methods, and links of peaks to genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.plot.links import METHODS
from panscape.report.blocks import Block, Gallery, Heading, Paragraph, table
from panscape.report.format import between, count, fixed, listing, percent, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections.doubts import MODALITIES, doubts, unlearned
from panscape.report.sections.metacell_links import link_blocks, link_methods
from panscape.report.sections.metacell_modalities import learned_sentence, modality_blocks
from panscape.report.sections.metacell_tables import (
    FOLDER,
    comparison,
    conditioned_on,
    evidence_of,
    link_evidence,
    metrics,
    samples,
)

FIGURES = {
    "map": "Metacells",
    "methods": "Methods side by side",
    "ladder": "How many metacells",
    "heterogeneity": "Heterogeneity of each metacell",
    "links": "Links of peaks to genes",
    "track": "Links of one gene",
}


def _headline(results: Results) -> list[str]:
    sentences = []
    for sample in samples(results):
        scores = metrics(results, sample)
        main = scores["method"].iloc[0]
        value = scores.set_index(["method", "metric", "modality"])["value"]
        labels = scores.loc[(scores["metric"] == "purity") & (scores["method"] == main), "modality"]
        text = (
            f"{sample}: {plural(int(value[(main, 'metacells', '')]), 'metacell')} of "
            f"{between(value[(main, 'smallest', '')], value[(main, 'largest', '')])} cells"
        )
        if len(labels):
            name = labels.iloc[0]
            single = [
                f"{METHODS[other].split(',')[0]} {percent(value[(other, 'purity', name)])}"
                for other in ("pca_lsi", "rna", "atac", "random")
                if other != main and (other, "purity", name) in value.index
            ]
            beside = f" ({', '.join(single)})" if single else ""
            share = percent(value[(main, "purity", name)])
            text += f"; {share} of the cells have their metacell's {name}{beside}"
        if empty := unlearned(scores):
            text += f"; in held-out cells the model does not predict {listing(empty)}"
        if column := conditioned_on(scores, main):
            text += f"; the embedding was conditioned on {column}, so its score for {column} is not evidence"
        evidence = evidence_of(results, sample)
        if (main, "found") in evidence:
            text += f"; {count(int(evidence[(main, 'found')]))} links of peaks to genes"
            if (main, "found_planted") in evidence and pd.notna(evidence[(main, "found_planted")]):
                text += (
                    f", {percent(evidence[(main, 'found_planted')])} of them planted, and "
                    f"{percent(evidence[(main, 'planted_found')])} of the planted links recovered"
                )
        sentences.append(text + ".")
    return sentences


def _blocks(results: Results) -> list[Block]:
    blocks: list[Block] = []
    names = samples(results)
    for sample in names:
        if len(names) > 1:
            blocks.append(Heading(sample))
        blocks += _of_sample(results, sample)
    return blocks


def _of_sample(results: Results, sample: str) -> list[Block]:
    folder = f"{FOLDER}/{sample}"
    pictures = {
        name: results.picture(f"{folder}/figures/{name}", title, caption=caption(f"metacells_{name}"))
        for name, title in FIGURES.items()
    }
    blocks: list[Block] = [
        *doubts(results, sample, metrics(results, sample)),
        *modality_blocks(results, metrics(results, sample)),
        Gallery((pictures["map"],)),
        Paragraph(
            "Every method groups the same cells into the same number of metacells. Compactness (low is "
            "good) and separation (high is good) are medians over metacells in the diffusion space of each "
            "modality; in a space that falls into unconnected parts, components that only separate the "
            "parts are removed."
        ),
        Gallery((pictures["methods"],)),
        table(comparison(results, sample), caption="Comparison of methods.", file=f"{folder}/metrics.tsv"),
        *_warning(results, sample),
        *_ladder(results, sample, pictures["ladder"]),
        *_unjudged(results, sample),
        Gallery((pictures["heterogeneity"],)),
    ]
    evidence = link_evidence(results, sample)
    if len(evidence):
        blocks += link_blocks(results, sample, evidence, (pictures["links"], pictures["track"]))
    else:
        blocks.append(
            Paragraph("No links of peaks to genes: they need both modalities and the genes' places.", "note")
        )
    return blocks


def _warning(results: Results, sample: str) -> list[Block]:
    """Return warnings of labels the embedding was conditioned on: scores against them are not evidence."""
    scores = metrics(results, sample)
    columns = {conditioned_on(scores, method) for method in scores["method"]} - {""}
    return [
        Paragraph(
            f"The learned embedding was conditioned on {name} (`coem.condition_on`): scores of its methods "
            f"for {name}, and for labels that depend on it, are not evidence.",
            "warning",
        )
        for name in sorted(columns)
    ]


def _unjudged(results: Results, sample: str) -> list[Block]:
    """Return notes on modalities in which no metacell was judged."""
    scores = metrics(results, sample)
    known = scores[scores["metric"] == "heterogeneity"].groupby("modality", sort=False)["value"].count()
    return [
        Paragraph(
            f"Metacells were not judged by {MODALITIES.get(name, name)}: its cells do not differ beyond "
            "counting noise and depth.",
            "note",
        )
        for name in known.index[known == 0]
    ]


def _ladder(results: Results, sample: str, picture) -> list[Block]:
    ladder = results.table(f"{FOLDER}/{sample}/ladder.tsv")
    if "score" not in ladder or not len(ladder):
        return []
    best = ladder[ladder["recommended"].astype(str) == "True"].iloc[0]
    reason = "balance zeros and dubious metacells best"
    if pd.isna(best["score"]):
        reason = "agree best with groupings of samples of the cells"
    text = (
        f"Of the sizes in the sweep, {int(best['k'])} metacells ({fixed(best['cells_per_metacell'], 0)} "
        f"cells each) {reason}"
    )
    asked = results.settings(FOLDER).get("k") == "sweep"
    text += " and were used." if asked else "; set `metacells.k: sweep` to use them."
    return [Paragraph(text), Gallery((picture,))]


_LIKELIHOODS = {
    "nb": "negative binomial",
    "zinb": "zero-inflated negative binomial",
    "zip": "zero-inflated Poisson",
    "poisson": "Poisson",
    "bernoulli": "Bernoulli",
    "auto": "Bernoulli (where peaks are 0 and 1 only, else Poisson)",
}


def _likelihood(name: object) -> str:
    return _LIKELIHOODS.get(str(name), str(name))


def _model(used: Mapping[str, Any]) -> str:
    """Describe the learned embedding by the settings in which its presets differ."""
    prior = used.get("prior")
    kinds = {
        "mixture": "mixture of {} Gaussians",
        "vade": "mixture of {} Gaussians with a component per cell",
    }
    prior = kinds.get(str(prior), "standard Gaussian").format(used.get("n_centroids"))
    return (
        f"COEM; {used.get('encoder')} encoder, {used.get('decoder')} decoder, "
        f"{used.get('n_latent')} dimensions, "
        f"a {prior} as prior, likelihoods {_likelihood(used.get('rna_likelihood'))} for "
        f"RNA and {_likelihood(used.get('atac_likelihood'))} for accessibility"
    )


def _spectrum(used: Mapping[str, Any]) -> str:
    if used.get("eigenvectors") == "metacells":
        return "as many eigenvectors as metacells"
    return f"at most {used.get('eigenvectors')} eigenvectors"


def _sizes(used: Mapping[str, Any]) -> str:
    """Describe the treatment of metacells that are too small or too large, if any."""
    min_cells, ratio = used.get("min_cells", 1), used.get("max_ratio")
    done = [f"metacells of under {min_cells} cells merged"] if min_cells > 1 else []
    done += [f"those of over {ratio:g} times the mean size split"] if ratio is not None else []
    done += ["distinct cells of a metacell split off"] if used.get("exchange") is not None else []
    return f", {', '.join(done)}" if done else ""


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    embedding = {
        "coem": f"a joint variational embedding of both modalities ({_model(results.settings('coem'))})",
        "pca_lsi": "principal components of RNA and latent semantic components of accessibility side by side",
        "wnn": "weighted nearest neighbours of both modalities",
        "rna": "principal components of RNA",
        "atac": "latent semantic components of accessibility",
    }[used.get("embedding", "pca_lsi")]
    return [
        f"Cells were grouped into metacells on {embedding}: an adaptive Gaussian kernel on the union of "
        f"{used.get('n_neighbors')} nearest neighbours, normalised spectral embedding with "
        f"{_spectrum(used)}, k-means{_sizes(used)}. Counts were summed over each metacell's cells. "
        "Compactness and separation were computed in multiscale diffusion components. The heterogeneity of "
        "a metacell is the variance of its cells relative to that of all cells, along the axes on which "
        "states differ most, as covariance of two random halves of the counts without the effect of depth. A "
        "metacell is called dubious if this exceeds the value of a mixture with one cell in twelve from an "
        "unrelated state and what the data resolve. The question is that of mcRigor (Liu and Li 2025), which "
        "tests instead for correlations of genes beyond chance.",
        *_learned(results),
        *link_methods(results, used),
    ]


def _learned(results: Results) -> list[str]:
    """Return what was learned of each modality in each sample."""
    names = samples(results)
    sentences = [(name, learned_sentence(metrics(results, name))) for name in names]
    told = [f"{name}: {text}" if len(names) > 1 else text for name, text in sentences if text]
    return told and [
        "A tenth of the cells were held out from training; half of their counts were encoded and the others "
        "predicted. " + " ".join(told)
    ]


def _idle(results: Results) -> list[str]:
    """Return the references of methods that were not used."""
    used = results.settings(FOLDER)
    methods = {used.get("embedding"), *used.get("compare", ())}
    unused = [key for key, method in (("coem", "coem"), ("hao2021wnn", "wnn")) if method not in methods]
    return unused + ([] if link_methods(results, used) else ["elias2007decoy"])


SECTION = Section(
    "metacells",
    "Metacells",
    ("metacells/*/metrics.tsv",),
    _blocks,
    headline=_headline,
    methods=_methods,
    idle=_idle,
    references=("coem", "persad2023seacells", "mcRigor", "li2022scmvp", "hao2021wnn", "elias2007decoy"),
    optional=True,
)
