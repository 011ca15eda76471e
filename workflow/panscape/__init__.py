"""Biology across many single-cell studies: landscapes, gene networks, metacells, coordinates.

Importing it loads nothing heavy. Take a method from its package::

    from panscape.sivae import SIVAE
    from panscape.coscape import build_landscape
"""

__version__ = "0.2.0"
