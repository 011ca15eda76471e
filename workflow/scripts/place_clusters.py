"""Write the clusters in the order of pseudotime, with intervals from draws of cells and samples."""

from panscape.coscape.landscape.drawn_study import DrawnStudy, best_pairs
from panscape.coscape.landscape.intervals import drawn_pseudotimes, tell_placement
from panscape.coscape.landscape.read import pair_positions, read_chosen, read_places
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.write import pseudotime_table
from panscape.data import files
from panscape.pipeline import job
from panscape.preprocess.genes import genes_of

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = LandscapeSettings.of(params.settings)
clusters, root = read_places(given.landscape)
times, studies = None, []
if settings.n_draws and root is not None:
    genes = files.read_tsv(given.genes, dtype={"gene": str})
    chosen = best_pairs(read_chosen(given.chosen[0]))
    studies = [
        DrawnStudy.of(
            name,
            counts,
            genes_of(genes, name),
            files.read_csr(members),
            chosen,
            estimator=params.estimator,
            normalisation=params.normalisation,
            sample=settings.sample,
            seed=params.seed,
        )
        for name, counts, members in zip(params.studies, given.counts, given.members, strict=True)
    ]
    times = drawn_pseudotimes(
        studies,
        pair_positions(chosen, genes.loc[genes["selected"], "gene"].to_numpy(dtype=object), given.chosen[0]),
        chosen["weight"].to_numpy(dtype=float),
        clusters,
        clusters.index.get_loc(root),
        settings,
        params.seed,
        threads=snakemake.threads,
    )
table = pseudotime_table(clusters, times, root=root)
tell_placement(table, studies)
files.write_tsv(table, snakemake.output.pseudotime)
