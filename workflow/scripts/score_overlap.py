"""Score the overlap of all target graphs with known networks against degree-preserving nulls."""

from panscape.coscape.dictionary.write import read_dictionary
from panscape.coscape.overlap.curves import overlap_curves
from panscape.coscape.overlap.scores import overlap_table, supported_edges
from panscape.coscape.overlap.settings import OverlapSettings
from panscape.coscape.overlap.targets import MAIN, MEAN, table_graphs
from panscape.coscape.overlap.verdicts import compare_targets, verdicts
from panscape.data import files
from panscape.data.edge_lists import measurable, read_network
from panscape.pipeline import job

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = OverlapSettings.of(params.settings)
saved = read_dictionary(given.dictionary)
genes = saved.genes
names = ["target", "gene_a", "gene_b"]
targets = files.read_tsv(given.targets, dtype=dict.fromkeys(names, str))
graphs = table_graphs(targets, genes)
networks = [
    measurable(read_network(path, network["name"]), genes, saved.measured.values())
    for path, network in zip(given.networks, params.settings["networks"], strict=True)
]
drawn = {
    "rewirings": settings.rewirings,
    "tries_per_edge": settings.tries_per_edge,
    "seed": params.seed,
    "threads": snakemake.threads,
}
how = drawn | {"rewired": settings.rewire}
files.write_tsv(overlap_table(graphs, networks, genes, **how), output.zscores)
listed = {name: graph for name, graph in graphs.items() if name != MEAN}  # it is no baseline
files.write_tsv(supported_edges(listed, networks, genes, main=MAIN), output.edges)
longest = table_graphs(targets, genes, curve_only=True)
files.write_tsv(overlap_curves(longest, networks, genes, **how), output.curves)
files.write_tsv(verdicts(compare_targets(longest, networks, genes, **drawn)), output.verdicts)
