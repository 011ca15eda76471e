"""Gene networks of cell lines or donors compared with each other and with a phenotype of the lines."""
