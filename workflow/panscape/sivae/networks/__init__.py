"""Comparison of gene networks between cell lines or donors, and with phenotypes."""
