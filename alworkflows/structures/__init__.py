"""Starting structures: crystals by name, files, supercells and slabs, checked before anything is spent."""

from alworkflows.structures.build import build, read_structure, shape
from alworkflows.structures.geometry import MIN_VACUUM, check, close_pairs, geometry_flags, shortest_distance, vacuum
from alworkflows.structures.prototypes import PROTOTYPES, Prototype, crystal
from alworkflows.structures.slabs import has_equal_terminations, is_polar, slab

__all__ = [
    "MIN_VACUUM",
    "PROTOTYPES",
    "Prototype",
    "build",
    "check",
    "close_pairs",
    "crystal",
    "geometry_flags",
    "has_equal_terminations",
    "is_polar",
    "read_structure",
    "shape",
    "shortest_distance",
    "slab",
    "vacuum",
]
