"""Execution of the workflow: jobs, resources, provenance, and checks before a run."""
