"""Distances along the chromosome that links depend on."""

NEIGHBOUR = 5_000  # base pairs between the middles of peaks of which only the better is called
