"""Resource requests and expected failures of a run, from settings and file headers, in seconds.

The jobs are those of the engine's own dry run, with the memory and time that the rules compute from the sizes
of the input, so that what is reported here is what will be queued.
"""
