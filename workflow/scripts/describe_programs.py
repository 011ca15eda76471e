"""Place genes in the entries of the dictionary, name them, and average their scores by label."""

from panscape.coscape.dictionary.arms import join_entries, with_programmes
from panscape.coscape.dictionary.gene_map import gene_map
from panscape.coscape.dictionary.membership import Membership, place_genes, program_table
from panscape.coscape.dictionary.names import name_entries
from panscape.coscape.dictionary.use import label_means
from panscape.coscape.dictionary.write import read_dictionary
from panscape.data import files
from panscape.data.gene_sets import named_paths, read_gene_sets, restrict
from panscape.pipeline import job

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
saved = read_dictionary(given.dictionary)
parts = [Membership.from_anndata(files.read_h5ad(path)) for path in given.membership]
placed, membership = place_genes(parts, saved.genes, saved.names, min_kme=params.settings["min_kme"])
programs = program_table(parts, placed, saved.names)
joined = join_entries(placed, membership, programs, min_kme=params.settings["min_kme"])
placed = with_programmes(placed, joined)
files.write_tsv(gene_map(membership, placed, saved.names), output.genes)
files.write_tsv(membership, output.membership)
low, high = sorted(params.settings["set_sizes"])
libraries = [
    restrict(read_gene_sets(path), saved.genes, library=name, min_size=low, max_size=high)
    for name, path in named_paths(params.settings["gene_sets"]).items()
]
programs = programs.merge(joined, on="entry").merge(name_entries(placed, saved.names, libraries), on="entry")
files.write_tsv(programs, output.programs)
scores = (files.read_h5ad(path) for path in given.scores)
files.write_tsv(label_means(((one.obs, one.X) for one in scores), saved.names, params.columns), output.means)
