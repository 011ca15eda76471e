"""Coexpression landscape: panclusters of all studies arranged by the similarity of their coexpression."""
