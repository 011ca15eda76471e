# panscape: biology across many single-cell studies.
#
# What runs where: a target's name is its stage, its rule file (workflow/rules/<stage>.smk), its library
# module (workflow/panscape/<stage>) and its folder of results.
#
#   resources/{collection}/...                       retrieved or simulated input
#   results/{collection}/{stage}/[{study}/]<noun>.<ext>
#   results/{collection}/report.html, methods.md
#   logs/{collection}/{stage}/[{study}/]<rule>.log
#   benchmarks/{collection}/{stage}/[{study}/]<rule>.tsv
#
# One run analyses one collection: `snakemake --configfile config/<collection>.yaml [target]`.
# Without a configuration the simulated demo collection runs.

from snakemake.utils import min_version

min_version("9.0")

if not {"collection", "studies"} & set(config):

    configfile: f"{workflow.current_basedir}/config/demo.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/retrieve.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/panclust.smk"
include: "workflow/rules/coexpression.smk"
include: "workflow/rules/landscape.smk"
include: "workflow/rules/dictionary.smk"
include: "workflow/rules/project.smk"
include: "workflow/rules/overlap.smk"
include: "workflow/rules/metacells.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/unicoord.smk"
include: "workflow/rules/sivae.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"


rule all:
    """The report of the collection and everything it rests on."""
    default_target: True
    input:
        rules.report.input,
