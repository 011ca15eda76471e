"""A made-up results folder with the layout and columns of a real one, in milliseconds."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.files import write_csr, write_tsv

GENES = [f"Gene{i}" for i in range(60)]
COLUMNS = [
    "space", "statistic", "value", "low", "high", "null_mean", "null_sd", "pvalue", "n", "units", "note",
]  # fmt: skip
STUDIES = ("early-embryo", "late-embryo", "atlas")


def clusters_of(study, rng, number=40):
    names = [f"{study}-all"]
    rows = [(names[0], study, np.nan, np.nan, "", 5000, 1, "")]
    for i in range(1, number):
        resolution = (0.1, 1.0, 10.0)[i % 3]
        level = i % 2
        name = f"{study}-r{resolution:g}-l{level}-c{i}"
        rows.append((name, study, resolution, level, names[0], int(rng.integers(60, 3000)), 1 + i % 2, ""))
        names.append(name)
    columns = ["cluster", "study", "resolution", "level", "parent", "n_cells", "multiplicity", "duplicates"]
    return pd.DataFrame(rows, columns=columns)


def kept():
    """Return fractions of cells kept, which rise along the outcome of donors, not over cell types."""
    from panscape.preprocess.kept import COLUMNS

    rows = [
        ("atlas", "cell_type", "group", 5, "liver", 0.85, "lung", 0.88, np.nan, 0.2, False),
        ("atlas", "line", "group", 16, "donor3", 0.031, "donor9", 0.64, np.nan, 1e-99, True),
        ("atlas", "outcome", "line", 16, "donor3", 0.031, "donor9", 0.64, 0.998, 1e-4, True),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def understood(studies):
    """Return what was read of the studies; the second is named as nothing known."""
    from panscape.preprocess.understood import Understood

    rows = [
        Understood(
            study=study, format="h5ad", species="human", n_cells=9000, n_kept=6000, n_genes=2000,
            genes=("ACTB", "GAPDH", "SOX2"), known=0.97 if at else 0.002, n_mito=13,
            counts=(900.0, 2500.0, 8000.0), detected=(500.0, 1200.0, 3000.0), in_sheet=float("nan"),
            labels={"cell_type": ("glia", "neuron")}, ages=(1.0, 12.0),
        ).row()
        for at, study in enumerate(studies)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def write_results(root, *, seed=0, number=40, studies=STUDIES):
    """Write results/demo, benchmarks/demo below `root`; return the folder of results."""
    rng = np.random.default_rng(seed)
    root = Path(root)
    out = root / "results" / "demo"
    tables = []
    qc = []
    loads = rng.normal(size=len(GENES))
    for s, study in enumerate(studies):
        left, others = 6000, 3000 * (study == "atlas")  # of the atlas `keep` takes a part
        qc.append((study, "input", 0, left + others, "cells", np.nan, "", "", ""))
        qc.append((study, "keep", others, left, "cells", np.nan, "", "", ""))
        for name, gone, limit in (("min_genes", 700 + s, 500 + s), ("max_mito", 100, 0.2)):
            left -= gone
            qc.append((study, name, gone, left, "cells", limit, "auto" if limit > 1 else "given", 900, 450))
        qc.append((study, "min_cells_per_gene", 300, 1700, "genes", 3, "given", "", ""))
        table = clusters_of(study, rng, number)
        age = np.clip(rng.uniform(0, 10, len(table)) + s * 3, 0, 20)
        table["age"] = age
        tables.append(table)
        write_tsv(table.drop(columns="age"), out / "panclust" / study / "clusters.tsv")
        latent = age[:, None] / 16 * loads[None] + rng.normal(scale=0.4, size=(len(table), len(GENES)))
        data = anndata.AnnData(
            np.exp(latent).astype(np.float32),
            obs=pd.DataFrame(index=table["cluster"].to_numpy(dtype=object)),
            var=pd.DataFrame(index=GENES),
            layers={"mean": latent.astype(np.float32), "detection": np.full(latent.shape, 0.5, np.float32)},
        )
        (out / "coexpression" / study).mkdir(parents=True, exist_ok=True)
        data.write_h5ad(out / "coexpression" / study / "expression.h5ad")
        pairs = pd.DataFrame([(GENES[i], GENES[i + 1]) for i in range(20)], columns=["gene_a", "gene_b"])
        dense = np.clip(age[:, None] / 20 + rng.normal(scale=0.2, size=(len(table), 20)), 0, 1)
        dense[dense < 0.3] = 0
        write_csr(sparse.csr_matrix(dense.astype(np.float32)), out / "coexpression" / study / "matrices.npz")
        write_tsv(pairs, out / "coexpression" / study / "pairs.tsv")
        chance = table.iloc[[3, 2, 1]][["cluster", "n_cells"]].assign(edges=10, share=[0.7, 0.8, 0.9])
        write_tsv(chance.assign(chance=chance["share"] * 10), out / "coexpression" / study / "chance.tsv")
    chosen = pairs.assign(weight=np.linspace(0.2, 0.9, 20), signal=np.linspace(1, 5, 20), n_studies=2)
    write_tsv(chosen, out / "coexpression" / "signal_pairs.tsv")
    names = ["study", "filter", "removed", "left", "unit", "limit", "chosen", "median", "usual"]
    write_tsv(pd.DataFrame(qc, columns=names), out / "preprocess" / "qc.tsv")
    write_tsv(kept(), out / "preprocess" / "kept.tsv")
    write_tsv(understood(studies), out / "preprocess" / "understood.tsv")
    genes = pd.DataFrame({"gene": [*GENES, "Rps1"]})
    for study in studies:
        genes[f"rank_{study}"] = np.arange(1, len(genes) + 1)
    genes["selected"] = [True] * len(GENES) + [False]
    write_tsv(genes, out / "preprocess" / "genes.tsv")
    obs = _landscape(out, pd.concat(tables, ignore_index=True), rng)
    _tables(out, obs, rng)
    for rule, seconds, memory in (
        ("preprocess/atlas/filter_cells", 12.5, 812.4),
        ("landscape/build_landscape", 7.0, 650.0),
    ):
        write_tsv(
            pd.DataFrame(
                {"s": [seconds], "h:m:s": ["0:00:12"], "max_rss": [memory], "cpu_time": [seconds * 1.5]}
            ),
            root / "benchmarks" / "demo" / f"{rule}.tsv",
        )
    return out


def _landscape(out, obs, rng):
    n = len(obs)
    obs = obs.set_index("cluster")
    time = obs["age"].to_numpy() / 16
    obs["n_pairs"] = rng.integers(0, 4000, n)
    obs["n_counts"] = rng.uniform(800, 9000, n)
    obs["cell_type"] = rng.choice([f"type {i:02d}" for i in range(30)], n)
    obs["cell_type_purity"] = rng.uniform(0.4, 1, n)
    obs["component"] = 0
    obs["dpt_pseudotime"] = np.clip(time + rng.normal(scale=0.08, size=n), 0, None)
    obs["dpt_pseudotime"] -= obs["dpt_pseudotime"].min()
    apart = rng.choice(n, 7, replace=False)
    obs.iloc[apart, obs.columns.get_loc("component")] = 1
    obs.iloc[apart, obs.columns.get_loc("dpt_pseudotime")] = np.nan
    angle = time * 2.5 + rng.integers(0, 2, n) * 0.8
    xy = np.c_[np.cos(angle), np.sin(angle)] * 1000 + rng.normal(scale=80, size=(n, 2))
    from sklearn.neighbors import kneighbors_graph

    graph = kneighbors_graph(xy, 10, mode="connectivity")
    graph = graph.maximum(graph.T)
    obs["parent"] = obs["parent"].astype(str)
    data = anndata.AnnData(obs=obs.drop(columns="duplicates"))
    data.obsm["X_draw_graph_fa"] = xy
    data.obsm["X_diffmap"] = xy
    data.obsp["connectivities"] = sparse.csr_matrix(graph)
    data.obsp["distances"] = sparse.csr_matrix(graph)
    (out / "landscape").mkdir(parents=True, exist_ok=True)
    data.write_h5ad(out / "landscape" / "landscape.h5ad")
    return obs


def _tables(out, obs, rng):
    folder = out / "landscape"
    table = obs.reset_index()[["cluster", "study", "dpt_pseudotime", "age", "component", "n_cells"]]
    table = table.rename(columns={"dpt_pseudotime": "pseudotime"})
    table["pseudotime_low"] = table["pseudotime"] - 0.04
    table["pseudotime_high"] = table["pseudotime"] + 0.07
    table["placement"] = np.where(table["pseudotime"].isna(), "unconnected", "placed")
    wide = table.index[table["pseudotime"].notna()][3:6]
    table.loc[wide, ["pseudotime_low", "pseudotime_high"]] = [0.0, 0.8]
    table.loc[wide, "placement"] = "uncertain"
    write_tsv(table, folder / "pseudotime.tsv")
    rho = np.linspace(0.93, -0.91, len(GENES))
    order = np.argsort(-np.abs(rho), kind="stable")
    genes = pd.DataFrame({"gene": np.array(GENES)[order], "rho": rho[order]})
    write_tsv(genes.assign(pvalue=1e-9, fdr=1e-8), folder / "genes.tsv")
    pairs = pd.DataFrame(
        [(GENES[i], GENES[i + 1], 0.9 - i * 0.08) for i in range(20)], columns=["gene_a", "gene_b", "rho"]
    )
    write_tsv(pairs.assign(pvalue=1e-9, fdr=1e-8), folder / "pairs.tsv")
    rows = []
    nan = np.nan
    apart = "no p-value: clusters of a study share cells"
    for space, rho, share in (("coexpression", 0.913, 0.514), ("expression", 0.421, 0.123)):
        rows += [
            (space, "rho_age", rho, rho - 0.1, rho + 0.05, 0.061, 0.049, 0.001, 113, "18 batch", ""),
            (space, "rho_age_reached", rho, rho - 0.1, rho + 0.05, 0.061, 0.049, 0.001, 116, "18 batch", ""),
            (space, "rho_age_within_studies", rho - 0.2, rho - 0.4, rho, 0.3, 0.2, 0.02, 113, "18 batch", ""),
            (space, "rho_n_cells", 0.11, 0.02, 0.2, nan, nan, nan, 113, "", ""),
            (space, "rho_n_counts", -0.32, -0.4, -0.2, nan, nan, nan, 113, "", ""),
            (
                space,
                "rho_age_other_studies",
                rho - 0.1,
                rho - 0.3,
                rho,
                0.08,
                0.06,
                0.001,
                118,
                "18 batch",
                "",
            ),
            (space, "rho_age_of_atlas", rho - 0.05, rho - 0.3, rho, nan, nan, nan, 40, "", ""),
            (space, "rho_age_of_blank", nan, nan, nan, nan, nan, nan, 0, "", "no ages are known of blank"),
            (space, "components", 2, nan, nan, nan, nan, nan, 120, "", ""),
            (space, "other_study_share", share, nan, nan, 0.661, nan, nan, 120, "", apart),
            (space, "study_entropy", share + 0.1, nan, nan, 0.81, nan, nan, 120, "", apart),
        ]
    rows += [
        ("expression-pca", "rho_age", 0.55, 0.4, 0.6, 0.06, 0.05, 0.001, 113, "18 batch", ""),
        ("diagonal", "rho_age", 0.2, 0.1, 0.3, 0.06, 0.05, 0.03, 113, "18 batch", ""),
        ("diagonal", "other_study_share", 0.3, nan, nan, 0.66, nan, nan, 120, "", apart),
        ("detected", "rho_age", nan, nan, nan, nan, nan, nan, 0, "", "not compared: it falls to pieces"),
        ("expression", "rho_age_margin", 0.3, 0.1, 0.5, nan, nan, nan, 113, "", ""),
        ("expression-pca", "rho_age_margin", -0.1, -0.2, -0.05, nan, nan, nan, 113, "", ""),
        ("diagonal", "rho_age_margin", 0.1, -0.1, 0.3, nan, nan, nan, 113, "", ""),
        ("n_counts", "rho_age", -0.31, -0.4, -0.1, 0.06, 0.05, 0.02, 113, "18 batch", ""),
    ]
    write_tsv(pd.DataFrame(rows, columns=COLUMNS), folder / "statistics.tsv")


def write_truth(folder):
    """Write a truth: genes 0 to 29 lie in six modules, 30 to 39 change with age."""
    roles = ["module"] * 30 + ["age"] * 10 + ["plain"] * 20
    modules = [f"M{i // 5}" if i < 30 else "" for i in range(60)]
    path = Path(folder) / "genes.tsv"
    write_tsv(pd.DataFrame({"gene": GENES, "role": roles, "module": modules}), path)
    return path


def configuration(studies=STUDIES, **sections):
    """Return a complete configuration of the made-up collection."""
    from panscape.config.load import load

    obs = {"age": {"column": "age_days", "unit": "days"}, "cell_type": "label"}
    items = [{"id": study, "path": f"data/{study}.h5ad", "obs": obs} for study in studies]
    return load({"collection": "demo", "studies": items, **sections})


def draw(out, config, names=None):
    """Draw the figures of a results folder; return the stems of those written."""
    from panscape.config import figures
    from panscape.plot.landscape import Source, draw_landscape, left_out
    from panscape.plot.style import save_figure

    studies = [study["id"] for study in config["studies"]]
    land = out / "landscape"
    source = Source(
        land / "landscape.h5ad",
        land / "pseudotime.tsv",
        land / "genes.tsv",
        land / "pairs.tsv",
        land / "statistics.tsv",
        [out / "coexpression" / study / "expression.h5ad" for study in studies],
        [
            (
                out / "panclust" / study / "clusters.tsv",
                out / "coexpression" / study / "matrices.npz",
                out / "coexpression" / study / "pairs.tsv",
            )
            for study in studies
        ],
    )
    missing = left_out(source, figures.columns(config))
    table = pd.DataFrame({"figure": list(missing), "reason": list(missing.values())}, dtype=str)
    write_tsv(table, land / "figures" / "not_drawn.tsv")
    done = []
    for name, fig in draw_landscape(source, figures.columns(config), units=figures.units(config)):
        if names is None or name in names:
            save_figure(fig, land / "figures" / name)
        done.append(name)
    return done


def results_of(out, config, truth=None):
    """Return everything in a results folder as the report's results."""
    from panscape.report.results import Results

    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    named = {"truth/genes.tsv": truth} if truth else None
    benchmarks = out.parents[1] / "benchmarks" / out.name
    return Results.of(out, files, config, named=named, benchmarks=benchmarks)
