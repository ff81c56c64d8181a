"""Which reader is for which file: by the format that is named, by the file's name, by its first lines; what is left is ASE's."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from alworkflows.errors import InputError, unknown
from alworkflows.frames.formats.contract import Reader
from alworkflows.settings.reading import ReadSettings

__all__ = ["READERS", "folder_reader", "reader_of"]

_HERE = "alworkflows.frames.formats"
#: module and function by the name of the format; those of ASE with the same name are read by ours
READERS = {
    "extxyz": f"{_HERE}.extended_xyz:read_extended_xyz",
    "xyz": f"{_HERE}.extended_xyz:read_extended_xyz",
    "vasp-xml": f"{_HERE}.vasp:read_vasprun",
    "vasp-out": f"{_HERE}.vasp:read_outcar",
    "vasp": f"{_HERE}.vasp:read_poscar",
    "lammps-dump-text": f"{_HERE}.lammps:read_dump",
    "lammps-data": f"{_HERE}.lammps:read_data",
    "espresso-out": f"{_HERE}.espresso:read_espresso_output",
    "espresso-xml": f"{_HERE}.espresso:read_espresso_xml",
    "cp2k-out": f"{_HERE}.cp2k_output:read_cp2k",
    "gpaw-out": f"{_HERE}.gpaw_output:read_gpaw_output",
    "traj": f"{_HERE}.ase_trajectory:read_trajectory",
    "db": f"{_HERE}.ase_database:read_database",
    "json": f"{_HERE}.ase_database:read_database",
    "mtp-cfg": f"{_HERE}.mtp:read_mtp",
    "runner": f"{_HERE}.input_data:read_runner",
    "n2p2": f"{_HERE}.input_data:read_runner",
    "runnerdata": f"{_HERE}.input_data:read_runner",
    "fitsnap": f"{_HERE}.fitsnap:read_fitsnap",
    "pymatgen": f"{_HERE}.pymatgen_json:read_pymatgen",
    "pickle": f"{_HERE}.refused:refuse_pickle",
}
#: module and function of data sets that are folders, by a file that makes a folder one
FOLDERS = {"type.raw": f"{_HERE}.deepmd:read_deepmd"}
#: the format of files by how they are called, tried before their first lines
_BY_NAME = (
    (r".*\.(ext)?xyz", "extxyz"),
    (r"(POSCAR|CONTCAR)([._-].*)?|.*\.(vasp|poscar)", "vasp"),
    (r".*\.(lammpstrj|dump)", "lammps-dump-text"),
    (r".*\.(pckl|pkl|pickle)(\.gzip)?", "pickle"),
    (r"input\.data.*", "runner"),
)
#: the format of files by their first lines
_BY_HEAD = (
    (r"<\?xml[^>]*>\s*<modeling>", "vasp-xml"),
    (r"<\?xml[^>]*>\s*<qes:espresso", "espresso-xml"),
    (r"\s*vasp\.\d", "vasp-out"),
    (r"(.*\n)*?\s*Program PWSCF", "espresso-out"),
    (r"(.*\n)*?\s*(CP2K\||\*\*\*\* \*\*\*\* \*{6}  \*\*  PROGRAM STARTED AT)", "cp2k-out"),
    (r"(.*\n)*?.*(\|__ \|  _\|___\|_____\||\|__\|\|  \| \|\|/\\\|)", "gpaw-out"),
    (r"SQLite format 3\0", "db"),
    (r"- of UlmASE-Trajectory", "traj"),
    (r"\s*(#.*\n\s*)*BEGIN_CFG", "mtp-cfg"),
    (r"\s*(#.*\n\s*)*begin\b.*\n(\s*(comment|c|lattice|energy|charge|atom)\b.*\n)", "runner"),
    (r"\ufffd[\x02-\x05]", "pickle"),
    (r"ITEM: (UNITS|TIMESTEP|TIME)", "lammps-dump-text"),
    (r"(.*\n)\s*(.*\n)?\s*\d+\s+atoms\s*(#.*)?\n(.*\n)*?\s*\d+\s+atom types", "lammps-data"),
    (r"\s*\d+\s*\n.*(Properties|Lattice)=", "extxyz"),
)
#: what kind of JSON a file is, by a key in its first mebibyte
_JSON = ((b'"Dataset"', "fitsnap"), (b'"sites"', "pymatgen"), (b'"coords"', "pymatgen"), (b'"unique_id"', "json"))
#: endings of compressed files
COMPRESSED = r"\.(gz|bz2|xz)$"
#: bytes looked at
HEAD, HEAD_OF_JSON = 4096, 1 << 20


def reader_of(path: Path, name: str, settings: ReadSettings) -> Reader:
    """Return what reads a file.

    Raises
    ------
    InputError
        If the settings name a format that nobody knows.
    """
    form = settings.format or _told_by(path, name)
    if settings.format is not None and form not in READERS:
        from ase.io.formats import ioformats

        if form not in ioformats:
            raise unknown("format", form, [*READERS, *ioformats])
    if form is None or form not in READERS:
        from alworkflows.frames.formats.with_ase import read_with_ase

        return read_with_ase
    return _load(READERS[form])


def folder_reader(path: Path, name: str) -> Reader:
    """Return what reads a folder that is a data set by itself.

    Raises
    ------
    InputError
        If it is none.
    """
    for file, place in FOLDERS.items():
        if (path / file).is_file():
            return _load(place)
    raise InputError(f"{name}: expected a file of frames, got a folder without {' or '.join(FOLDERS)}")


def _load(place: str) -> Reader:
    module, _, function = place.partition(":")
    reader: Reader = getattr(import_module(module), function)
    return reader


def _told_by(path: Path, name: str) -> str | None:
    """Return the format that a file's name or its first lines tell, if one of ours."""
    with open(path, "rb") as handle:
        head = handle.read(HEAD)
    if not head:
        raise InputError(f"{name}: the file is empty")
    text = head.decode(errors="replace")
    called = re.sub(COMPRESSED, "", Path(name).name, flags=re.IGNORECASE)
    if re.match(r"\s*([#!/].*\n\s*)?[\[{]", text):
        return _json_kind(path)
    by_head = next((form for pattern, form in _BY_HEAD if re.match(pattern, text)), None)
    return by_head or next((form for pattern, form in _BY_NAME if re.fullmatch(pattern, called, re.IGNORECASE)), None)


def _json_kind(path: Path) -> str | None:
    with open(path, "rb") as handle:
        head = handle.read(HEAD_OF_JSON)
    return next((form for key, form in _JSON if key in head), None)
