"""Learn coordinates that annotate, embed and generate cells.

REQUIRED INPUTS
    results/{collection}/preprocess/{study}/counts.h5ad     of the studies that take part (studies[].use)
    the tables of unicoord.tables; landscape, dictionary and features, with unicoord.label_transfer
OUTPUTS
    results/{collection}/unicoord/model/                weights.safetensors and model.json
    results/{collection}/unicoord/split.tsv             cell, study, split: train, validation or test
    results/{collection}/unicoord/training.tsv          step, split, term, value
    results/{collection}/unicoord/coordinates.h5ad      cells x coordinates
    results/{collection}/unicoord/predictions.tsv.gz    cell, label, value, probability, unknown_score ...
    results/{collection}/unicoord/annotation.tsv.gz     cell, study, label, value ...: studies of unicoord.apply
    results/{collection}/unicoord/annotation_studies.tsv, annotation_classes.tsv
    results/{collection}/unicoord/metrics.tsv           task, model, metric, value, null: on test cells
    results/{collection}/unicoord/confusion.tsv         label, truth, predicted, n
    results/{collection}/unicoord/calibration.tsv       label, confidence, accuracy, n
    results/{collection}/unicoord/active.tsv            coordinate, kl, active, best_label, strength
    results/{collection}/unicoord/generated/{scenario}.h5ad
    results/{collection}/unicoord/networks/{scenario}/   pairs.tsv.gz, scores.tsv: predicted and measured change
    results/{collection}/unicoord/restoration.tsv       label, low, high, model, metric, value; restoration_curve.tsv
    results/{collection}/unicoord/figures/
"""

from panscape.config import figures

UNICOORD = config["unicoord"]
UNICOORD_FIGURES = {
    "losses": "Losses along training",
    "coordinates": "Cells in the coordinates",
    "active": "Information of the unsupervised coordinates",
    "classes": "Predicted classes and their calibration",
    "values": "Predicted values",
    "reconfiguration": "Before and after reconfiguration",
    **({"restoration": "Restored cells"} if UNICOORD["restore"] else {}),
    **({"networks": "Networks under scenarios"} if UNICOORD["scenarios"] else {}),
}
UNICOORD_SCENARIOS = [item["name"] for item in UNICOORD["scenarios"]]
UNICOORD_COUNTS = of_studies(
    "results/{collection}/preprocess/{study}/counts.h5ad", use="unicoord"
)
UNICOORD_TABLES = [
    *UNICOORD["tables"],
    *(
        of_collection("results/{collection}/unicoord/bridges.tsv.gz")
        if {"pseudotime", "usage"} & set(UNICOORD["label_transfer"])
        else []
    ),
    *(
        of_collection("results/{collection}/features/scores.tsv.gz")
        if "features" in UNICOORD["label_transfer"]
        else []
    ),
]


rule transfer_labels:
    """Transfer the pseudotime of the landscape and the usage of the dictionary to cells, as labels."""
    input:
        counts=of_studies("results/{collection}/preprocess/{study}/counts.h5ad"),
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        members=of_studies("results/{collection}/panclust/{study}/members.npz"),
        landscape=branch(
            "pseudotime" in UNICOORD["label_transfer"],
            then="results/{collection}/landscape/landscape.h5ad",
            otherwise=[],
        ),
        dictionary=branch(
            "usage" in UNICOORD["label_transfer"],
            then="results/{collection}/dictionary/dictionary.h5ad",
            otherwise=[],
        ),
    output:
        labels="results/{collection}/unicoord/bridges.tsv.gz",
    log:
        "logs/{collection}/unicoord/transfer_labels.log",
    benchmark:
        "benchmarks/{collection}/unicoord/transfer_labels.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=needs("transfer_labels", "mem_mb"),
        runtime=needs("transfer_labels", "runtime"),
    params:
        studies=STUDIES,
        code=code_digest("transfer_labels"),
    script:
        "../scripts/transfer_labels.py"


rule train_unicoord:
    """Train the coordinate system; a killed job resumes from its checkpoint."""
    input:
        counts=UNICOORD_COUNTS,
        tables=UNICOORD_TABLES,
    output:
        model=directory("results/{collection}/unicoord/model"),
        training="results/{collection}/unicoord/training.tsv",
        split="results/{collection}/unicoord/split.tsv",
    log:
        "logs/{collection}/unicoord/train_unicoord.log",
    benchmark:
        "benchmarks/{collection}/unicoord/train_unicoord.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1  # steps are small: a second thread mostly waits
    resources:
        mem_mb=needs("train_unicoord", "mem_mb", use="unicoord"),
        runtime=needs("train_unicoord", "runtime", use="unicoord"),
        gpu=1,
    params:
        settings=UNICOORD,
        seed=config["seed"],
        checkpoint="results/{collection}/unicoord/.checkpoints/model",
        code=code_digest("train_unicoord"),
    script:
        "../scripts/train_unicoord.py"


rule place_cells:
    """Compute the coordinates and predicted labels of all cells."""
    input:
        model="results/{collection}/unicoord/model",
        split="results/{collection}/unicoord/split.tsv",
        counts=UNICOORD_COUNTS,
        tables=UNICOORD_TABLES,
    output:
        coordinates="results/{collection}/unicoord/coordinates.h5ad",
        predictions="results/{collection}/unicoord/predictions.tsv.gz",
    log:
        "logs/{collection}/unicoord/place_cells.log",
    benchmark:
        "benchmarks/{collection}/unicoord/place_cells.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=needs("place_cells", "mem_mb", use="unicoord"),
        runtime=needs("place_cells", "runtime", use="unicoord"),
    params:
        batch=UNICOORD["integrate"],
        seed=config["seed"],
        code=code_digest("place_cells"),
    script:
        "../scripts/place_cells.py"


rule annotate_studies:
    """Annotate the studies of unicoord.apply, on which the model is not trained."""
    input:
        model=UNICOORD["apply"]["model"] or "results/{collection}/unicoord/model",
        counts=of_studies(
            "results/{collection}/preprocess/{study}/counts.h5ad", use="annotation"
        ),
    output:
        cells="results/{collection}/unicoord/annotation.tsv.gz",
        studies="results/{collection}/unicoord/annotation_studies.tsv",
        classes="results/{collection}/unicoord/annotation_classes.tsv",
    log:
        "logs/{collection}/unicoord/annotate_studies.log",
    benchmark:
        "benchmarks/{collection}/unicoord/annotate_studies.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=needs("annotate_studies", "mem_mb", use="annotation"),
        runtime=needs("annotate_studies", "runtime", use="annotation"),
    params:
        code=code_digest("annotate_studies"),
    script:
        "../scripts/annotate_studies.py"


rule score_unicoord:
    """Score predictions, reconstruction and reconfiguration on test cells, with baselines."""
    input:
        model="results/{collection}/unicoord/model",
        split="results/{collection}/unicoord/split.tsv",
        counts=UNICOORD_COUNTS,
        tables=UNICOORD_TABLES,
    output:
        metrics="results/{collection}/unicoord/metrics.tsv",
        confusion="results/{collection}/unicoord/confusion.tsv",
        calibration="results/{collection}/unicoord/calibration.tsv",
        active="results/{collection}/unicoord/active.tsv",
    log:
        "logs/{collection}/unicoord/score_unicoord.log",
    benchmark:
        "benchmarks/{collection}/unicoord/score_unicoord.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=needs("score_unicoord", "mem_mb", use="unicoord"),
        runtime=needs("score_unicoord", "runtime", use="unicoord"),
    params:
        seed=config["seed"],
        code=code_digest("score_unicoord"),
    script:
        "../scripts/score_unicoord.py"


rule reconfigure_cells:
    """Generate the cells of a scenario."""
    input:
        model="results/{collection}/unicoord/model",
        counts=UNICOORD_COUNTS,
        tables=UNICOORD_TABLES,
    output:
        cells="results/{collection}/unicoord/generated/{scenario}.h5ad",
    log:
        "logs/{collection}/unicoord/{scenario}/reconfigure_cells.log",
    benchmark:
        "benchmarks/{collection}/unicoord/{scenario}/reconfigure_cells.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=needs("reconfigure_cells", "mem_mb", use="unicoord"),
        runtime=needs("reconfigure_cells", "runtime", use="unicoord"),
    params:
        scenarios=UNICOORD["scenarios"],
        seed=config["seed"],
        code=code_digest("reconfigure_cells"),
    script:
        "../scripts/reconfigure_cells.py"


rule compare_networks:
    """Compare the gene networks of cells before and after reconfiguration, and of measured cells."""
    input:
        model="results/{collection}/unicoord/model",
        counts=UNICOORD_COUNTS,
        tables=UNICOORD_TABLES,
    output:
        pairs="results/{collection}/unicoord/networks/{scenario}/pairs.tsv.gz",
        scores="results/{collection}/unicoord/networks/{scenario}/scores.tsv",
    log:
        "logs/{collection}/unicoord/{scenario}/compare_networks.log",
    benchmark:
        "benchmarks/{collection}/unicoord/{scenario}/compare_networks.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=needs("compare_networks", "mem_mb", use="unicoord"),
        runtime=needs("compare_networks", "runtime", use="unicoord"),
    params:
        scenarios=UNICOORD["scenarios"],
        cut=UNICOORD["network_cut"],
        seed=config["seed"],
        code=code_digest("compare_networks"),
    script:
        "../scripts/compare_networks.py"


rule restore_cells:
    """Train without a group of cells, generate the group, and compare it with the true cells."""
    input:
        counts=UNICOORD_COUNTS,
        tables=UNICOORD_TABLES,
    output:
        scores="results/{collection}/unicoord/restoration.tsv",
        curve="results/{collection}/unicoord/restoration_curve.tsv",
    log:
        "logs/{collection}/unicoord/restore_cells.log",
    benchmark:
        "benchmarks/{collection}/unicoord/restore_cells.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1  # steps are small: a second thread mostly waits
    resources:
        mem_mb=needs("restore_cells", "mem_mb", use="unicoord"),
        runtime=needs("restore_cells", "runtime", use="unicoord"),
        gpu=1,
    params:
        settings=UNICOORD,
        seed=config["seed"],
        code=code_digest("restore_cells"),
    script:
        "../scripts/restore_cells.py"


rule plot_unicoord:
    """Draw losses, coordinates, predictions, reconfiguration and restoration."""
    input:
        training="results/{collection}/unicoord/training.tsv",
        coordinates="results/{collection}/unicoord/coordinates.h5ad",
        active="results/{collection}/unicoord/active.tsv",
        confusion="results/{collection}/unicoord/confusion.tsv",
        calibration="results/{collection}/unicoord/calibration.tsv",
        metrics="results/{collection}/unicoord/metrics.tsv",
        predictions="results/{collection}/unicoord/predictions.tsv.gz",
        restoration=branch(
            UNICOORD["restore"],
            then="results/{collection}/unicoord/restoration.tsv",
            otherwise=[],
        ),
        restoration_curve=branch(
            UNICOORD["restore"],
            then="results/{collection}/unicoord/restoration_curve.tsv",
            otherwise=[],
        ),
        pairs=expand(
            "results/{{collection}}/unicoord/networks/{scenario}/pairs.tsv.gz",
            scenario=UNICOORD_SCENARIOS,
        ),
        scores=expand(
            "results/{{collection}}/unicoord/networks/{scenario}/scores.tsv",
            scenario=UNICOORD_SCENARIOS,
        ),
    output:
        png=[
            report(
                f"results/{{collection}}/unicoord/figures/{name}.png",
                caption=f"../report/unicoord_{name}.rst",
                category="9 UniCoord",
                labels={"figure": title},
            )
            for name, title in UNICOORD_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/unicoord/figures/{name}.{kind}",
            name=UNICOORD_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/unicoord/plot_unicoord.log",
    benchmark:
        "benchmarks/{collection}/unicoord/plot_unicoord.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_unicoord", "mem_mb", use="unicoord"),
        runtime=needs("plot_unicoord", "runtime", use="unicoord"),
    params:
        formats=figures.formats(config),
        code=code_digest("plot_unicoord"),
    script:
        "../scripts/plot_unicoord.py"


# inputs of the target and the report, depending on the configured parts
UNICOORD_LEARNED = [
    *rules.train_unicoord.output,
    *rules.place_cells.output,
    *rules.score_unicoord.output,
    *expand(
        [
            "results/{{collection}}/unicoord/generated/{scenario}.h5ad",
            "results/{{collection}}/unicoord/networks/{scenario}/pairs.tsv.gz",
            "results/{{collection}}/unicoord/networks/{scenario}/scores.tsv",
        ],
        scenario=UNICOORD_SCENARIOS,
    ),
    *(rules.restore_cells.output if UNICOORD["restore"] else []),
    *rules.plot_unicoord.output,
]

# a collection may only annotate, with the model of another one
UNICOORD_RESULTS = [
    *(UNICOORD_LEARNED if studies_for("unicoord") else []),
    *(rules.annotate_studies.output if studies_for("annotation") else []),
]
