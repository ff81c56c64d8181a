"""Starting structures: crystals by name, files, supercells and slabs, checked before anything is spent."""

from alworkflows.frames.constraints import fixed_coordinates, hold
from alworkflows.structures.build import build, build_all, made, read_frames, shape
from alworkflows.structures.cells import (
    MIN_VACUUM,
    cell_fault,
    count_open_directions,
    gaps,
    gather,
    is_isolated,
    is_skewed,
    reduce_cell,
    vacuum,
)
from alworkflows.structures.conventional import conventional_cell
from alworkflows.structures.crystal_files import read_structure
from alworkflows.structures.geometry import check, check_cell, close_pairs, geometry_flags, shortest_distance
from alworkflows.structures.lattices import lattice
from alworkflows.structures.particles import dimer, particle
from alworkflows.structures.prototypes import PROTOTYPES, Prototype, crystal
from alworkflows.structures.slabs import has_equal_terminations, is_polar, slab

__all__ = [
    "MIN_VACUUM",
    "PROTOTYPES",
    "Prototype",
    "build",
    "build_all",
    "cell_fault",
    "check",
    "check_cell",
    "close_pairs",
    "conventional_cell",
    "count_open_directions",
    "crystal",
    "dimer",
    "fixed_coordinates",
    "gaps",
    "gather",
    "geometry_flags",
    "has_equal_terminations",
    "hold",
    "is_isolated",
    "is_polar",
    "is_skewed",
    "lattice",
    "made",
    "particle",
    "read_frames",
    "read_structure",
    "reduce_cell",
    "shape",
    "shortest_distance",
    "slab",
    "vacuum",
]
