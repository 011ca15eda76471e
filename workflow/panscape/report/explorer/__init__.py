"""The part of the report that is explored in a browser: maps, genes and tables, without a network."""
