"""Numerical methods shared by several analyses."""
