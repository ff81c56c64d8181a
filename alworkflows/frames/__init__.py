"""Frames: atomic configurations with their labels and origin; files, identity and checks.

A frame is an :class:`ase.Atoms`. Its labels (energy in eV, forces in eV/A, stress in eV/A^3 in ASE's sign and
Voigt order xx, yy, zz, yz, xz, xy) sit in a ``SinglePointCalculator``; ``atoms.info["origin"]`` is a JSON dictionary that says
what made it (structure, sampler, seed, step, temperature).

Two formats: ``.npz`` is exact and what jobs and the database hold; anything else goes through ASE (extended XYZ by default),
for exchange. A labelled npz also says, in its header, which engine and settings made the labels.
"""

from alworkflows.frames.engines import GIVEN, is_given, require_one_engine
from alworkflows.frames.files import read, write
from alworkflows.frames.identity import duplicates, frame_id
from alworkflows.frames.labels import Labels, attach_labels, check_labelled, labels
from alworkflows.frames.storage import FrameWriter, load, load_origins, pack, save, unpack

__all__ = [
    "GIVEN",
    "FrameWriter",
    "Labels",
    "attach_labels",
    "check_labelled",
    "duplicates",
    "frame_id",
    "is_given",
    "labels",
    "load",
    "load_origins",
    "pack",
    "read",
    "require_one_engine",
    "save",
    "unpack",
    "write",
]
