"""Resource requests and expected failures of a run, from settings and file headers, in seconds.

The jobs come from Snakemake's dry run, with the memory and time that the rules compute from the sizes of the
input, so that the report matches the queued jobs.
"""
