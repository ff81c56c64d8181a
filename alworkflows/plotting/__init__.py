"""All pictures, in one style."""

from alworkflows.plotting.style import COLOURS, FAINT, GRID, INK, MARKERS, figure, save, styled, svg

__all__ = ["COLOURS", "FAINT", "GRID", "INK", "MARKERS", "figure", "save", "styled", "svg"]
