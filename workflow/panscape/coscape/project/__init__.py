"""Placement of new studies on the dictionary and the landscape of a finished collection."""
