"""Write the report of the collection."""

from pathlib import Path

from panscape import adapter, report

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
results = report.Results.of(
    Path(snakemake.output.html).parent,
    given,
    params.config,
    named={f"truth/{Path(path).name}": path for path in given.truth}
    | {f"truth/{Path(path).parent.name}/genes.tsv": path for path in given.planted},
    benchmarks=params.benchmarks,
)
report.write_report(results, snakemake.output.html, snakemake.output.text)
