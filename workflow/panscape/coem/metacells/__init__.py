"""Metacells of cells with RNA, accessibility or both: grouping, evaluation and aggregation."""
