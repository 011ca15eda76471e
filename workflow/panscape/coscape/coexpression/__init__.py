"""Gene-gene correlation within each pancluster, and the clusters' expression."""
