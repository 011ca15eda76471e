"""What all rule files share, which is the validated configuration, wildcards, paths and resources.

All helper functions of the workflow live here; rule files hold rules only. Rule names are verbs or nouns of
their own (`filter_cells`, `build_landscape`): a stage's name is reserved for its target (targets.smk).
"""

import sys
from functools import cache
from pathlib import Path

# one line makes the library importable here, in every script and on every node
HERE = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(HERE))

from panscape import config as configuration
from panscape import inputs, provenance, sizes

# in place, because rules and the engine hold this very object
_valid = configuration.load(config)
config.clear()
config.update(_valid)

STUDIES = [study["id"] for study in config["studies"]]
COLLECTION = config["collection"]

if workflow.is_main_process:
    configuration.check_yaml(workflow.overwrite_configfiles)
    configuration.check_inputs(config)


wildcard_constraints:
    collection="[A-Za-z0-9-]+",
    study="[A-Za-z0-9-]+",


def study_settings(wildcards):
    """Return the settings of a study, with `path` set to its file."""
    return inputs.located(config, wildcards.study)


def study_file(wildcards):
    """Return the input of a study: the user's own file, a retrieved or a simulated one."""
    return inputs.path(config, wildcards.study)


def study_sheets(wildcards):
    """Return the tables beside a study's counts: cell metadata and gene names."""
    return inputs.sheets(config, wildcards.study)


def of_studies(pattern):
    """Expand {collection} and {study} over the collection's studies."""
    return expand(pattern, collection=COLLECTION, study=STUDIES)


def of_collection(pattern):
    """Expand {collection}."""
    return expand(pattern, collection=COLLECTION)


@cache
def _size(study):
    return inputs.size(config, study)


def needs(rule, resource):
    """Return the input function that computes a rule's memory (MB) or time (minutes).

    Sizes are read from file headers; every retry asks for more.
    """

    def amount(wildcards, attempt):
        names = [wildcards.study] if hasattr(wildcards, "study") else STUDIES
        return (
            sizes.needs(rule, resource, [_size(name) for name in names], config)
            * attempt
        )

    return amount


@cache
def code_digest(script):
    """Return the digest of a script and of the library modules it reaches (comments aside).

    As a parameter of the rule it makes a change in the library rerun exactly the rules that use it.
    """
    return provenance.code_digest(HERE / "scripts" / f"{script}.py")
