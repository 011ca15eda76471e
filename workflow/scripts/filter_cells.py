"""Quality control of one study."""

from pathlib import Path

from panscape import adapter, preprocess
from panscape.files import write_tsv
from panscape.log import logger
from panscape.plot import save_figure

adapter.begin(snakemake)

params, output, study = snakemake.params, snakemake.output, snakemake.wildcards.study
# the engine removes the outputs of a job that fails, and nothing else
of_failure = Path(snakemake.log[0]).with_name("qc.svg")
for suffix in (".svg", ".png"):
    of_failure.with_suffix(suffix).unlink(missing_ok=True)
try:
    result = preprocess.filter_study(
        params.study,
        output.counts,
        params.settings,
        species=params.species,
        age_unit=params.age_unit,
        units=params.units,
    )
except preprocess.NothingLeft as error:
    save_figure(preprocess.plot_qc(error.result, title=study), of_failure)
    logger.error("see the distributions in %s", of_failure)
    raise
write_tsv(result.genes, output.genes)
write_tsv(result.table, output.qc)
write_tsv(result.kept, output.kept)
save_figure(preprocess.plot_qc(result, title=study), output.svg)
