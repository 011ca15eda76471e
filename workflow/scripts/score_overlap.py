"""Score the overlap of all target graphs with known networks against degree-preserving nulls."""

from panscape import adapter, dictionary, files, overlap

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
saved = dictionary.read_dictionary(given.dictionary)
genes = saved.genes
names = ["target", "gene_a", "gene_b"]
graphs = overlap.table_graphs(files.read_tsv(given.targets, dtype=dict.fromkeys(names, str)), genes)
networks = [
    overlap.measurable(overlap.read_network(path, network["name"]), genes, saved.measured.values())
    for path, network in zip(given.networks, params.settings["networks"], strict=True)
]
table = overlap.overlap_table(
    graphs,
    networks,
    genes,
    rewirings=params.settings["rewirings"],
    tries_per_edge=params.settings["tries_per_edge"],
    rewired=params.settings["rewire"],
    seed=params.seed,
    threads=snakemake.threads,
)
files.write_tsv(table, output.zscores)
files.write_tsv(overlap.supported_edges(graphs, networks, genes, main=overlap.MAIN), output.edges)
