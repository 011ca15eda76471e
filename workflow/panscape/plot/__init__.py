"""Figures: one style, colour-blind-safe palettes, reproducible files.

Nothing here changes matplotlib's global settings; matplotlib itself is imported when something is drawn.
"""
