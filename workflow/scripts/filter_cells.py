"""Quality control of one study."""

from panscape import adapter, preprocess
from panscape.files import write_tsv
from panscape.plot import save_figure

adapter.begin(snakemake)

params, output = snakemake.params, snakemake.output
result = preprocess.filter_study(
    params.study, output.counts, params.settings, species=params.species, age_unit=params.age_unit
)
write_tsv(result.genes, output.genes)
write_tsv(result.table, output.qc)
save_figure(preprocess.plot_qc(result, title=snakemake.wildcards.study), output.svg)
