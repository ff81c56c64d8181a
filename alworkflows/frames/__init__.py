"""Frames: atomic configurations with their labels and origin; files, screening, identity.

A frame is an :class:`ase.Atoms`. Its labels (energy in eV, forces in eV/A, stress in eV/A^3 in ASE's sign and
Voigt order xx, yy, zz, yz, xz, xy) sit in a ``SinglePointCalculator``; ``atoms.info["origin"]`` is a JSON dictionary that says
what made it (structure, sampler, seed, step, temperature).

Every file comes in by one door, :func:`read_files`: readers of :mod:`.formats` give what a file has, labels are found by their
keys and put into our units, frames are screened, and a report says what was left out, converted and not used. ``.npz`` is exact
and what jobs and the database hold; a labelled one also says, in its header, which engine and settings made the labels.
"""

from alworkflows.frames.engines import GIVEN, is_given, require_one_engine
from alworkflows.frames.frame_file import FrameFile, Reading
from alworkflows.frames.identity import duplicates, frame_id
from alworkflows.frames.labels import Labels, attach_labels, check_labelled, known_forces, labels
from alworkflows.frames.reading import read, read_files
from alworkflows.frames.report import ReadReport
from alworkflows.frames.storage import FrameWriter, load, load_origins, pack, save, unpack
from alworkflows.frames.writing import write

__all__ = [
    "GIVEN",
    "FrameFile",
    "FrameWriter",
    "Labels",
    "ReadReport",
    "Reading",
    "attach_labels",
    "check_labelled",
    "duplicates",
    "frame_id",
    "is_given",
    "known_forces",
    "labels",
    "load",
    "load_origins",
    "pack",
    "read",
    "read_files",
    "require_one_engine",
    "save",
    "unpack",
    "write",
]
