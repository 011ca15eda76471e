"""Running the workflow: jobs and their resources, provenance, checks before a run."""
