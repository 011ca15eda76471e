"""Biological processes as features of cells: gene-set scores, chosen to vary, to tell and to differ."""
