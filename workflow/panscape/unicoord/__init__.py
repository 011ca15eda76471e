"""Learnable coordinates that annotate, compare and generate cells."""
