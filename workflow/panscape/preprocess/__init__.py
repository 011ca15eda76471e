"""From a study's counts to the cells and genes that the analysis uses."""
