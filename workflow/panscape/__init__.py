"""Biology across many single-cell studies: landscapes, gene networks, metacells, coordinates.

The package imports nothing heavy: take the module you need, for example
``from panscape.coscape.landscape.build import build``.
"""

__version__ = "0.1.0"
