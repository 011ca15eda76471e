"""Files in and out: readers of counts and metadata, atomic writes, gene sets, edge lists, normalisation."""
