"""Check of result files: against their records, and against those of another run."""
