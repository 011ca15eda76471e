"""Input and output: readers of counts and metadata, atomic writes, gene sets, edge lists, normalisation."""
