"""Starting structures: crystals by name, files, supercells and slabs, checked before anything is spent."""

from alworkflows.structures.build import build, build_all, made, read_frames, read_structure, shape
from alworkflows.structures.geometry import (
    MIN_VACUUM,
    check,
    close_pairs,
    geometry_flags,
    is_isolated,
    shortest_distance,
    vacuum,
)
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
    "check",
    "close_pairs",
    "crystal",
    "dimer",
    "geometry_flags",
    "has_equal_terminations",
    "is_isolated",
    "is_polar",
    "lattice",
    "made",
    "particle",
    "read_frames",
    "read_structure",
    "shape",
    "shortest_distance",
    "slab",
    "vacuum",
]
