"""Validated configuration, wildcards, paths and resources, shared by all rule files.

All helper functions of the workflow are defined here; rule files contain rules only. A rule must not have the name
of a stage, which is reserved for the target (targets.smk).
"""

from functools import cache
from pathlib import Path

from panscape.config import studies
from panscape.config.container import check_container
from panscape.config.inputs import look_at_inputs
from panscape.config.load import load
from panscape.coscape import reference
from panscape.data.temporary import check_temporary
from panscape.pipeline.lines import attach as attach_lines
from panscape.pipeline.provenance.closure import Code
from panscape.pipeline.resources import needs as job_needs
from panscape.preprocess.understood import as_text as understood_text
from panscape.sivae.settings import useful_threads
from snakemake.logging import logger as engine_logger

# updated in place, because rules and Snakemake refer to this object
_demo = [
    Path(path).resolve() == SOURCE / "config/demo.yaml"
    for path in workflow.overwrite_configfiles
]
# jobs read the configuration again: warn about its keys once per run, and never for the demo
_quiet = not workflow.is_main_process or (_demo and all(_demo))
_valid = load(config, written={} if _quiet else WRITTEN)
config.clear()
config.update(_valid)

STUDIES = studies.used_by(config, "landscape")
COLLECTION = config["collection"]
REFERENCE = config["project"]["reference"]

if workflow.is_main_process:
    check_temporary()
    _output = workflow.output_settings
    if not _output.dryrun and "REASON" in {word.name for word in _output.quiet or ()}:
        # one line per finished job, as the profiles ask (quiet: reason)
        attach_lines(engine_logger)
    if workflow.deployment_settings:
        methods = workflow.deployment_settings.deployment_method
        check_container(config["container"], methods)
    _checked = look_at_inputs(config)
    if _checked.understood:
        logger.info(understood_text(_checked.understood))


# files of other collections may be input, but must never be planned as output
wildcard_constraints:
    collection=COLLECTION,
    study="[A-Za-z0-9-]+",
    sample="[A-Za-z0-9-]+",
    line="[A-Za-z0-9-]+",
    job="[A-Za-z0-9-]+",
    scenario="[A-Za-z0-9-]+",


def study_settings(wildcards):
    """Return the settings of a study, with `path` set to its input file."""
    return studies.located(config, wildcards.study)


def panclust_settings(wildcards):
    """Return the clustering settings of a study."""
    return studies.panclust(config, wildcards.study)


def study_file(wildcards):
    """Return the input file of a study: given by the user, downloaded or simulated."""
    return studies.path(config, wildcards.study)


def study_sheets(wildcards):
    """Return the additional input tables of a study: cell metadata and gene names."""
    return studies.sheets(config, wildcards.study)


def studies_for(stage):
    """Return the studies that take part in an analysis (landscape, sivae, metacells, unicoord, project or `any`)."""
    return studies.used_by(config, stage)


def of_studies(pattern, use="landscape"):
    """Expand {collection} and {study} over the studies that take part in an analysis."""
    return expand(pattern, collection=COLLECTION, study=studies_for(use))


def samples():
    """Return the samples that are grouped into metacells: one per study, or all studies pooled."""
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
    """Return the input files with peaks and genes of a sample's studies."""
    return studies.paired_files(config, sample_members(wildcards.sample))


def sample_settings(wildcards):
    """Return the settings for reading the genes and peaks of a sample's studies."""
    return [studies.paired(config, name) for name in sample_members(wildcards.sample)]


def sample_truth(wildcards):
    """Return the file of simulated links of a sample that is a single simulated study, else none."""
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
    """Return a mapping from line to job for the lines with a model; waits for the plan."""
    plan = checkpoints.plan_lines.get(collection=COLLECTION).output.lines
    return studies.jobs_of_lines(plan)


def of_lines(pattern):
    """Return an input function that expands {collection} and {line} over the lines with a model."""

    def expanded(wildcards):
        return expand(pattern, collection=COLLECTION, line=_jobs_of_lines())

    return expanded


def job_of_line(wildcards):
    """Return the results folder of the job that trains a line."""
    job = _jobs_of_lines()[wildcards.line]
    return f"results/{wildcards.collection}/sivae/jobs/{job}"


def lines_threads(wildcards):
    """Return the threads of a job that trains lines: one if its cells are few, since a step reads at most them all."""
    sizes = [_size(study) for study in studies_for("sivae")]
    return useful_threads(sum(size.cells * size.genes for size in sizes), 2)


def of_collection(pattern):
    """Expand {collection}."""
    return expand(pattern, collection=COLLECTION)


def in_reference(name):
    """Return the path of a file of the reference collection, or none without a reference."""
    return str(Path(REFERENCE, name)) if REFERENCE else []


def of_reference(section):
    """Return a section of the reference's settings, with `project.min_cells` if it is set."""
    if not REFERENCE:
        return None
    settings = reference.settings(REFERENCE)[section]
    if section == "panclust" and config["project"]["min_cells"]:
        settings = {**settings, "min_cells": config["project"]["min_cells"]}
    return settings


def if_used(analysis, paths):
    """Expand {collection} in paths, or return none if no study takes part in an analysis."""
    return expand(paths, collection=COLLECTION) if studies_for(analysis) else []


def why_skipped(analysis):
    """Return the message of a skipped target if no study takes part in its analysis, else None."""
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
    """Return a function that computes the memory (MB) or time (minutes) of a rule.

    Sizes are read from the file headers of the study or sample, or of all studies in `use` if the rule has neither
    wildcard. Attempt n requests n times the amount.
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


# each start and each cluster job needs the digests, so they are cached in the working directory
CODE = Code(cache=Path(".snakemake/panscape-code.json"))


@cache
def code_digest(script):
    """Return the digest of a script and of the library modules it imports, without comments and docstrings.

    As a parameter of a rule, it triggers a rerun exactly when the code used by the rule changes.
    """
    return CODE.digest(HERE / "scripts" / f"{script}.py")
