"""Download the studies that are given by address instead of path.

REQUIRED INPUTS
    none: `url` and `sha256` of the study
OUTPUTS
    resources/{collection}/retrieved/{study}.download   the checked file, whatever its format
"""

# one rule parameter each, so that a change of other keys of a study does not repeat the download; Snakemake stores
# parameters, so that the script takes the address with its secrets from the configuration
ADDRESSES = {
    study["id"]: {
        "url": studies.without_secrets(study["url"]),
        "sha256": study["sha256"],
    }
    for study in config["studies"]
}


rule retrieve_study:
    """Download the file of one study and verify its checksum."""
    output:
        counts="resources/{collection}/retrieved/{study}.download",
    log:
        "logs/{collection}/retrieve/{study}/retrieve_study.log",
    benchmark:
        "benchmarks/{collection}/retrieve/{study}/retrieve_study.tsv"
    # compute nodes often have no internet access
    localrule: True
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("retrieve_study", "mem_mb"),
        runtime=needs("retrieve_study", "runtime"),
    params:
        url=lookup(dpath="{study}/url", within=ADDRESSES),
        sha256=lookup(dpath="{study}/sha256", within=ADDRESSES),
    script:
        "../scripts/retrieve_study.py"
