"""Around the methods: jobs, their resources, provenance, the check before a run."""
