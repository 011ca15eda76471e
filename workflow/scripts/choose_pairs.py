"""Choose the gene pairs with the most signal over all studies."""

from panscape.coscape.coexpression.signal import Signal, choose_pairs
from panscape.data import files
from panscape.pipeline import job
from panscape.preprocess.genes import genes_of

job.begin(snakemake)

genes = files.read_tsv(snakemake.input.genes, dtype={"gene": str})
signals = (
    Signal.of_stored(files.read_csr(path), genes_of(genes, study))
    for study, path in zip(snakemake.params.studies, snakemake.input.signal, strict=True)
)
table = choose_pairs(signals, genes.loc[genes["selected"], "gene"].tolist(), snakemake.params.top)
files.write_tsv(table, snakemake.output.pairs)
