"""Metacells of cells with RNA, accessibility or both: grouping, judging, sums, links of peaks to genes."""
