"""Nested clusters of a study's cells at several resolutions."""
