"""Look up the cluster that the configuration names as the root."""

import pandas as pd

from panscape import adapter, files, landscape

adapter.begin(snakemake)

text = dict.fromkeys(("cluster", "study", "parent", "duplicates"), str)
clusters = pd.concat(
    [files.read_tsv(path, dtype=text) for path in snakemake.input.clusters], ignore_index=True
)
root = landscape.named_root(clusters, snakemake.params.root)
files.write_tsv(clusters.iloc[[root]], snakemake.output.root)
