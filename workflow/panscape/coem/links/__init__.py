"""Links of peaks to genes over metacells, and what speaks for them."""
