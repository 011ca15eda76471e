"""Numerical methods that several analyses share, one implementation of each."""
