"""Biology across many single-cell studies: landscapes, gene networks, metacells, coordinates.

The package imports nothing heavy: take the stage you need, for example
``from panscape import landscape``.
"""

__version__ = "0.1.0"
