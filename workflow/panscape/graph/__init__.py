"""Graphs of cells and clusters: nearest neighbours, kernels, communities, diffusion, rewiring."""
