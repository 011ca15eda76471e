"""Coscape: panclusters, coexpression, one landscape over all studies, and the dictionary that explains it."""
