"""Quality control of one study."""

from pathlib import Path

import pandas as pd

from panscape.data.files import write_tsv
from panscape.pipeline import job
from panscape.plot.qc_histograms import draw_failure, histograms
from panscape.preprocess.outcome import NothingLeft
from panscape.preprocess.study import filter_study

job.begin(snakemake)

params, output, study = snakemake.params, snakemake.output, snakemake.wildcards.study
# Snakemake removes the outputs of a failed job, so the figures are kept in the folder of logs
of_failure = Path(snakemake.log[0]).with_name("qc.svg")
for name in ("qc.svg", "qc.png", "qc.tsv", "histograms.tsv"):
    of_failure.with_name(name).unlink(missing_ok=True)
try:
    result = filter_study(
        params.study,
        output.counts,
        params.settings,
        species=params.species,
        age_unit=params.age_unit,
        units=params.units,
    )
except NothingLeft as error:
    draw_failure(error.result, of_failure, study)
    raise
write_tsv(result.genes, output.genes)
write_tsv(result.table, output.qc)
write_tsv(result.kept, output.kept)
write_tsv(pd.DataFrame([result.understood.row()]), output.understood)
write_tsv(result.orthologues, output.orthologues)
write_tsv(histograms(result), output.histograms)
