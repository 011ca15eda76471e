# panscape: joint analysis of many single-cell studies.
#
# Each stage has one name for its target, its rule file (workflow/rules/<stage>.smk) and its folder of results;
# ARCHITECTURE.md shows the packages of the library (workflow/panscape).
#
#   resources/{collection}/...                       downloaded or simulated input
#   results/{collection}/{stage}/[{study}/]<noun>.<ext>
#   results/{collection}/report.html, methods.md
#   logs/{collection}/{stage}/[{study}/]<rule>.log
#   benchmarks/{collection}/{stage}/[{study}/]<rule>.tsv
#
# One run analyses one collection: `snakemake --configfile config/<collection>.yaml [target]`.
# Without a configuration, the simulated demo collection runs.

from snakemake.common.configfile import load_configfile
from snakemake.logging import logger
from snakemake.utils import min_version, update_config

min_version("9.0")


include: "workflow/rules/source.smk"


from panscape.config.yaml import check_yaml

if workflow.is_main_process:
    check_yaml(workflow.overwrite_configfiles)

WRITTEN = dict(config)  # settings of the user, without those of the demo
if not {"collection", "studies"} & set(config):
    # not by `configfile:`, which a module would ignore
    if workflow.is_main_process:
        logger.info("No collection and no studies are given: the simulated demo runs.")
    DEMO = load_configfile(SOURCE / "config/demo.yaml")
    update_config(DEMO, config)
    config.update(DEMO)


include: "workflow/rules/common.smk"


# with --sdm apptainer all rules run in this image
container: config["container"]


include: "workflow/rules/retrieve.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/panclust.smk"
include: "workflow/rules/coexpression.smk"
include: "workflow/rules/landscape.smk"
include: "workflow/rules/dictionary.smk"
include: "workflow/rules/programs.smk"
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
    """The report of the collection and all results it is based on."""
    default_target: True
    input:
        rules.report.input,
