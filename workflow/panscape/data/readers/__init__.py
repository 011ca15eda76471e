"""Readers of all supported file formats, in bounded memory.

``open_source`` opens counts for reading in blocks of cells, ``read_metadata`` returns the mapped cell
annotations, ``gene_map`` maps features to genes, ``keep_mask`` selects cells, and ``check_study`` lists the
problems of a study before any job starts.
"""
