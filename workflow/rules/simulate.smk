"""Simulate the studies of a developmental system with known truth.

REQUIRED INPUTS
    none: the section `simulation` of the configuration and the seed
OUTPUTS
    resources/{collection}/simulated/{study}.h5ad   counts; obs: truth of each cell, obsm: activity of modules
    resources/{collection}/simulated/truth/         genes.tsv, modules.tsv, coupling.tsv, types.tsv, shifts.tsv
    resources/{collection}/simulated/truth/{study}/ genes.tsv, lines.tsv, modules.gmt of cell lines
    resources/{collection}/simulated/{study}.h5mu   a sample with RNA and accessibility; truth/{study}/links.tsv
"""


rule simulate_study:
    """Simulate the cells and counts of one study."""
    output:
        counts="resources/{collection}/simulated/{study}.h5ad",
    log:
        "logs/{collection}/simulate/{study}/simulate_study.log",
    benchmark:
        "benchmarks/{collection}/simulate/{study}/simulate_study.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("simulate_study", "mem_mb"),
        runtime=needs("simulate_study", "runtime"),
    params:
        settings=config["simulation"],
        seed=config["seed"],
        code=code_digest("simulate_study"),
    script:
        "../scripts/simulate_study.py"


rule simulate_truth:
    """Write the truth of the simulated developmental system."""
    output:
        genes="resources/{collection}/simulated/truth/genes.tsv",
        modules="resources/{collection}/simulated/truth/modules.tsv",
        coupling="resources/{collection}/simulated/truth/coupling.tsv",
        types="resources/{collection}/simulated/truth/types.tsv",
        shifts="resources/{collection}/simulated/truth/shifts.tsv",
    log:
        "logs/{collection}/simulate/simulate_truth.log",
    benchmark:
        "benchmarks/{collection}/simulate/simulate_truth.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("simulate_truth", "mem_mb"),
        runtime=needs("simulate_truth", "runtime"),
    params:
        settings=config["simulation"],
        seed=config["seed"],
        code=code_digest("simulate_truth"),
    script:
        "../scripts/simulate_truth.py"


rule simulate_lines:
    """Write the truth of a simulated study of cell lines."""
    output:
        genes="resources/{collection}/simulated/truth/{study}/genes.tsv",
        lines="resources/{collection}/simulated/truth/{study}/lines.tsv",
        modules="resources/{collection}/simulated/truth/{study}/modules.gmt",
    log:
        "logs/{collection}/simulate/{study}/simulate_lines.log",
    benchmark:
        "benchmarks/{collection}/simulate/{study}/simulate_lines.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("simulate_lines", "mem_mb"),
        runtime=needs("simulate_lines", "runtime"),
    params:
        settings=config["simulation"],
        seed=config["seed"],
        code=code_digest("simulate_lines"),
    script:
        "../scripts/simulate_lines.py"


rule simulate_multiome:
    """Simulate a sample with RNA and accessibility, and write its true links."""
    output:
        counts="resources/{collection}/simulated/{study}.h5mu",
        links="resources/{collection}/simulated/truth/{study}/links.tsv",
    log:
        "logs/{collection}/simulate/{study}/simulate_multiome.log",
    benchmark:
        "benchmarks/{collection}/simulate/{study}/simulate_multiome.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("simulate_multiome", "mem_mb"),
        runtime=needs("simulate_multiome", "runtime"),
    params:
        settings=config["simulation"],
        seed=config["seed"],
        code=code_digest("simulate_multiome"),
    script:
        "../scripts/simulate_multiome.py"
