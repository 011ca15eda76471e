"""Overlap of coexpression networks with known gene-gene networks."""
