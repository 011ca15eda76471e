"""Draw the distributions of the quality measures."""

from panscape.data.files import read_tsv
from panscape.pipeline import job
from panscape.plot.qc import plot_qc
from panscape.plot.style import save_figure

job.begin(snakemake)

given = snakemake.input
table = read_tsv(given.qc, dtype={"study": str})
figure = plot_qc(read_tsv(given.histograms), table, title=snakemake.wildcards.study)
save_figure(figure, snakemake.output.svg)
