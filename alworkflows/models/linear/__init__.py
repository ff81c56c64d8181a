"""Sparse linear regression on descriptors: rows, sums, paths, and the committees that are chosen on them."""
