"""Draw the distributions that quality control looked at."""

from panscape import adapter
from panscape.files import read_tsv
from panscape.plot import save_figure
from panscape.plot.qc import plot_qc

adapter.begin(snakemake)

given = snakemake.input
table = read_tsv(given.qc, dtype={"study": str})
figure = plot_qc(read_tsv(given.histograms), table, title=snakemake.wildcards.study)
save_figure(figure, snakemake.output.svg)
