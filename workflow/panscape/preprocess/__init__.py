"""Quality control of cells and genes, and selection of variable genes."""
