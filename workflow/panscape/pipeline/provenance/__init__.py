"""What a result rests on: the code that made it and the versions of the libraries beneath it.

A rule's `code` parameter is the digest of its script and of the library modules that it reaches, so that an
update of the library makes anew exactly what it changes (:class:`Code`).
"""
