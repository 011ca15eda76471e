"""Links between peaks and genes over metacells, and their validation."""
