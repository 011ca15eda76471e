"""Shared by all rule files: the validated configuration, wildcards, paths and resources.

All helper functions of the workflow live here; rule files hold rules only. Rule names are verbs or nouns of
their own (`filter_cells`, `build_landscape`): the name of a stage is reserved for its target (targets.smk).
"""

from functools import cache
from pathlib import Path

from panscape.config import studies
from panscape.config.container import check_container
from panscape.config.inputs import check_inputs
from panscape.config.load import load
from panscape.config.yaml import check_yaml
from panscape.coscape import reference
from panscape.pipeline.provenance.closure import Code
from panscape.pipeline.resources import needs as job_needs

# in place, because rules and the engine hold this very object
_demo = [
    Path(path).resolve() == SOURCE / "config/demo.yaml"
    for path in workflow.overwrite_configfiles
]
# jobs read the configuration again: warnings about its keys come once a run, and not of the packaged demo
_quiet = not workflow.is_main_process or (_demo and all(_demo))
_valid = load(config, written={} if _quiet else WRITTEN)
config.clear()
config.update(_valid)

STUDIES = studies.used_by(config, "landscape")
COLLECTION = config["collection"]
REFERENCE = config["project"]["reference"]

if workflow.is_main_process:
    check_yaml(workflow.overwrite_configfiles)
    if workflow.deployment_settings:
        methods = workflow.deployment_settings.deployment_method
        check_container(config["container"], methods)
    check_inputs(config)


# files of other collections that a configuration names are input and must never be planned as output
wildcard_constraints:
    collection=COLLECTION,
    study="[A-Za-z0-9-]+",
    kernel="[A-Za-z0-9-]+",
    sample="[A-Za-z0-9-]+",
    line="[A-Za-z0-9-]+",
    job="[A-Za-z0-9-]+",
    scenario="[A-Za-z0-9-]+",


def study_settings(wildcards):
    """Return the settings of a study, with `path` set to its file."""
    return studies.located(config, wildcards.study)


def panclust_settings(wildcards):
    """Return the settings of a study's clustering."""
    return studies.panclust(config, wildcards.study)


def study_file(wildcards):
    """Return the input of a study: the user's file, a retrieved or a simulated one."""
    return studies.path(config, wildcards.study)


def study_sheets(wildcards):
    """Return the tables beside a study's counts: cell metadata and gene names."""
    return studies.sheets(config, wildcards.study)


def studies_for(stage):
    """Return the studies that take part in landscape, sivae, metacells or unicoord; `any` for all."""
    return studies.used_by(config, stage)


def of_studies(pattern, use="landscape"):
    """Expand {collection} and {study} over the studies that take part in an analysis."""
    return expand(pattern, collection=COLLECTION, study=studies_for(use))


def samples():
    """Return the samples that are grouped into metacells: each by itself, or all of them pooled."""
    names = studies_for("metacells")
    return ["pooled"] if names and config["metacells"]["pool"] else names


def of_samples(pattern):
    """Expand {collection} and {sample} over the samples that are grouped into metacells."""
    return expand(pattern, collection=COLLECTION, sample=samples())


def sample_members(sample):
    """Return the studies of a sample."""
    return studies_for("metacells") if sample == "pooled" else [sample]


def sample_counts(wildcards):
    """Return the counts after quality control of a sample's studies."""
    return expand(
        "results/{collection}/preprocess/{study}/counts.h5ad",
        collection=wildcards.collection,
        study=sample_members(wildcards.sample),
    )


def sample_files(wildcards):
    """Return the files with the peaks of a sample's studies, and those with the genes."""
    return studies.paired_files(config, sample_members(wildcards.sample))


def sample_settings(wildcards):
    """Return the settings to open the genes and peaks of a sample's studies."""
    return [studies.paired(config, name) for name in sample_members(wildcards.sample)]


def sample_truth(wildcards):
    """Return the planted links of a sample that is one simulated study."""
    drawn = {item["name"] for item in config["simulation"]["multiome"]}
    names = [
        study["simulated"]
        for study in config["studies"]
        if study["id"] == wildcards.sample
    ]
    pattern = "resources/{collection}/simulated/truth/{study}/links.tsv"
    return expand(
        pattern,
        collection=wildcards.collection,
        study=[name for name in names if name in drawn],
    )


def _jobs_of_lines():
    """Return line -> job of the lines that have a model, once their plan is made."""
    plan = checkpoints.plan_lines.get(collection=COLLECTION).output.lines
    return studies.jobs_of_lines(plan)


def of_lines(pattern):
    """Return the input function that expands {collection} and {line} over the lines that have a model."""

    def expanded(wildcards):
        return expand(pattern, collection=COLLECTION, line=_jobs_of_lines())

    return expanded


def job_of_line(wildcards):
    """Return the folder of the job that trains a line."""
    job = _jobs_of_lines()[wildcards.line]
    return f"results/{wildcards.collection}/sivae/jobs/{job}"


def of_collection(pattern):
    """Expand {collection}."""
    return expand(pattern, collection=COLLECTION)


def in_reference(name):
    """Return the path of one of the files of the collection that studies are projected onto, as input."""
    return str(Path(REFERENCE, name)) if REFERENCE else []


def of_reference(section):
    """Return the settings of a section of the reference; `min_cells` may differ."""
    if not REFERENCE:
        return None
    settings = reference.settings(REFERENCE)[section]
    if section == "panclust" and config["project"]["min_cells"]:
        settings = {**settings, "min_cells": config["project"]["min_cells"]}
    return settings


def if_used(analysis, paths):
    """Return paths with {collection} in place, or none if no study takes part in an analysis."""
    return expand(paths, collection=COLLECTION) if studies_for(analysis) else []


def why_skipped(analysis):
    """Return the message of a target if no study takes part in its analysis, else None."""
    return (
        None
        if studies_for(analysis)
        else f"Skipped: no study's `use` names {analysis}."
    )


@cache
def _size(study):
    return studies.size(config, study)


@cache
def _paired_size(study):
    return studies.paired_size(config, study)


def needs(rule, resource, use="landscape"):
    """Return the input function that computes a rule's memory (MB) or time (minutes).

    Sizes are read from file headers, those of all studies in `use` where the rule is not of one study; every
    retry asks for more.
    """

    def amount(wildcards, attempt):
        measure = _size
        if hasattr(wildcards, "sample"):
            measure = _paired_size
            names = sample_members(wildcards.sample)
        else:
            names = (
                [wildcards.study] if hasattr(wildcards, "study") else studies_for(use)
            )
        return (
            job_needs(rule, resource, [measure(name) for name in names], config)
            * attempt
        )

    return amount


# every start and every job of a cluster asks for the digests: what was read stays in the working directory
CODE = Code(cache=Path(".snakemake/panscape-code.json"))


@cache
def code_digest(script):
    """Return the digest of a script and of the library modules it reaches (comments and docstrings aside).

    As a parameter of the rule it makes a change in the library rerun exactly the rules that use it.
    """
    return CODE.digest(HERE / "scripts" / f"{script}.py")
