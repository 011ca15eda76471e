"""Provenance of results: digests of the code that produces them.

A rule's `code` parameter is the digest of its script and of the library modules that it reaches, so that an
update of the library reruns exactly the affected jobs (:class:`Code`).
"""
