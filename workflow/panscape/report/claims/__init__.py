"""The claims of a report, their evidence and their verdicts, derived from result files by stated rules."""
