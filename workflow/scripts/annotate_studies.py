"""Annotate studies with a finished coordinate system."""

from panscape.data import files
from panscape.pipeline import job
from panscape.training.device import prepare
from panscape.unicoord.apply import annotate_studies
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.stage import open_cells

job.begin(snakemake)
prepare()

made = snakemake.output
model = CoordinateSystem.load(snakemake.input.model)
cells, studies, classes = annotate_studies(model, open_cells(snakemake.input.counts))
files.write_tsv(cells, made.cells)
files.write_tsv(studies, made.studies)
files.write_tsv(classes, made.classes)
