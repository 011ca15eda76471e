"""Provenance of results: digests of the code that makes them.

A rule's `code` parameter is the digest of its script and of the library modules that it reaches, so that an
update of the library makes anew exactly what it changes (:class:`Code`).
"""
