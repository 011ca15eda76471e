"""Gene-set scores as features of cells: scoring, tests and selection."""
