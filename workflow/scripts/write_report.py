"""Write the report of the collection."""

from pathlib import Path

from panscape.pipeline import job
from panscape.report.page import write_report
from panscape.report.results import Results

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
results = Results.of(
    Path(snakemake.output.html).parent,
    given,
    params.config,
    named={f"truth/{Path(path).name}": path for path in given.truth}
    | {f"truth/{Path(path).parent.name}/genes.tsv": path for path in given.planted},
    benchmarks=params.benchmarks,
)
made = snakemake.output
write_report(results, made.html, made.text, archive=made.archive)
