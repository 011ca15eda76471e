"""Projection of new studies onto the dictionary and landscape of a finished collection."""
