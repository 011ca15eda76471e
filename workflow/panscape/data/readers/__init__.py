"""Input: every supported file format behind one face, read in bounded memory.

``open_source`` gives counts in blocks of cells, ``read_metadata`` what is known about the cells under
panscape's names, ``gene_map`` how features become genes, ``keep_mask`` which cells to keep, and
``check_study`` everything that can be known to be wrong before work starts.
"""
