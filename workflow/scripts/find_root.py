"""Look up the configured root cluster."""

import pandas as pd

from panscape.coscape.landscape.root import named_root
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

text = dict.fromkeys(("cluster", "study", "parent", "duplicates"), str)
clusters = pd.concat(
    [files.read_tsv(path, dtype=text) for path in snakemake.input.clusters], ignore_index=True
)
root = named_root(clusters, snakemake.params.root)
files.write_tsv(clusters.iloc[[root]], snakemake.output.root)
