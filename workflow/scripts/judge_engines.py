"""Compare the engines of gene networks, and join their calls to one verdict."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.centrality import TEXT
from panscape.sivae.networks.engines import engine_table
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.verdict import verdict_table

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
names = ("genes", "tests", "reliability", *(("known",) if given.known else ()))
tables = {name: files.read_tsv(str(given[name]), dtype=TEXT) for name in names}
sets = files.read_tsv(given.sets, dtype=TEXT)
engines = engine_table(collection, settings, params.phenotypes, tables, params.seed)
files.write_tsv(engines, output.engines)
enriched = files.read_tsv(given.enriched, dtype=TEXT)
verdict = verdict_table(tables["genes"], sets, engines, settings.models, enriched=enriched, fdr=settings.fdr)
files.write_tsv(verdict, output.verdict)
