"""Columns of the tables of coexpression that other stages read."""

from __future__ import annotations

SIGNAL_PAIRS = ["gene_a", "gene_b", "weight", "signal", "n_studies"]
