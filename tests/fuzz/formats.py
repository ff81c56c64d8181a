"""What is spoiled: a sound file of each format, how it is spoiled, and what is then done with it."""

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from fuzz.mutations import spoiled_archive, spoiled_text

__all__ = ["FORMATS", "FRAMES", "MODELS", "Format", "plugin"]

ROOT = Path(__file__).parents[2]
SPECIES = ("Zn", "O")


@dataclass(frozen=True)
class Format:
    """``sound``: makes the bytes of a file; ``spoil``: changes them; ``use``: reads a path and does what one does with it."""

    suffix: str
    sound: Callable[[], bytes]
    spoil: Callable[[bytes, np.random.Generator], bytes]
    use: Callable[[Path], object]


def crystal():
    """Return a frame of eight atoms."""
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


# ------------------------------------------------------------------------------------------------------------------- models


def _members(settings, baseline=None):
    from alworkflows.descriptors import build
    from alworkflows.models import LinearModel
    from alworkflows.settings import DescriptorSettings, parse
    from alworkflows.settings.model import BaselineSettings

    read = parse(DescriptorSettings, settings)
    rng = np.random.default_rng(1)
    size = build(read, SPECIES).size
    repulsion = BaselineSettings() if baseline else None
    return [LinearModel(read, SPECIES, rng.normal(size=size), np.array([-1.0, -4.0]), repulsion) for _ in range(2)]


def _saved(*groups):
    from alworkflows.models import Ensemble

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        Ensemble([member for group in groups for member in group], {"frames": 3}).save(path)
        return path.read_bytes()


PLIP = {
    "cutoff": 4.0,
    "functions": [{"family": "gaussian", "centres": [1.5, 2.5], "widths": [1.0]}, {"family": "yukawa", "ranges": [0.5]}],
    "l": [0, 2],
    "m": [2],
}
FAMILIES = ("lorentzian", "log-normal", "slater", "gaussian-orbital", "lennard-jones", "morse", "buckingham")
MIXED = {"cutoff": 4.0, "functions": [{"family": name} for name in FAMILIES], "l": [1], "m": []}
CHEBYSHEV = {"name": "chebyshev", "cutoff": 4.0, "degree": 5}


def predict(path):
    """Read a model, ask what it is, and about one frame."""
    from alworkflows.models import Ensemble

    ensemble = Ensemble.load(path)
    return ensemble.summary(), ensemble.predict([crystal()])


# ------------------------------------------------------------------------------------------------- what LAMMPS' plugin reads


def _plip():
    from alworkflows.export import export_lammps
    from alworkflows.models import Ensemble

    with tempfile.TemporaryDirectory() as folder:
        export_lammps(Ensemble(_members(PLIP)), Path(folder) / "out")
        return (Path(folder) / "out" / "model.plip").read_bytes()


@cache
def plugin():
    """Return what reads model files in LAMMPS, built by itself as a library, with the sanitizers if we run under them."""
    sources = ROOT / "alworkflows" / "export" / "plip" / "plugin", ROOT / "alworkflows" / "descriptors" / "kernels"
    built = Path(tempfile.mkdtemp()) / "plip.so"
    watched = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"]
    flags = ["-O1", "-g1", "-march=native", "-std=gnu11", "-Wno-psabi", "-fno-math-errno", "-fno-trapping-math"]
    flags += watched if hasattr(ctypes.CDLL(None), "__asan_init") else []
    command = ["gcc", *flags, "-fPIC", "-shared", f"-I{sources[1]}", str(sources[0] / "plip.c"), "-o", str(built), "-lm"]
    # the compiler itself is not watched
    subprocess.run(command, check=True, env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
    library = ctypes.CDLL(str(built))
    library.plip_read.restype, library.plip_read.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
    library.plip_close.argtypes = [ctypes.c_void_p]
    library.plip_species.argtypes = [ctypes.c_void_p]
    library.plip_centre.restype = ctypes.c_double
    address, number = ctypes.c_void_p, ctypes.c_int
    address, number = ctypes.c_void_p, ctypes.c_int
    library.plip_centre.argtypes = [address, number, *[address] * 4, number, number, *[address] * 2]
    return library


def evaluate(path):
    """Read a model as LAMMPS does, and ask it about each atom of a cluster."""
    from alworkflows.errors import InputError

    library, reason = plugin(), ctypes.create_string_buffer(256)
    model = library.plip_read(str(path).encode(), reason)
    if not model:
        raise InputError(reason.value.decode(errors="replace"))
    places, forces = crystal().positions.copy(), np.zeros((8, 3))
    row = ctypes.c_void_p * 8
    x, f = (row(*(array.ctypes.data + 24 * i for i in range(8))) for array in (places, forces))
    kinds = np.arange(8, dtype=np.int32) % library.plip_species(model)
    types, others = np.arange(8, dtype=np.int32), [np.delete(np.arange(8, dtype=np.int32), i) for i in range(8)]
    at = [ctypes.c_void_p(array.ctypes.data) for array in (types, kinds)]
    for i in range(8):
        library.plip_centre(model, i, x, *at, ctypes.c_void_p(others[i].ctypes.data), 7, 0x1FFFFFFF, f, None)
    library.plip_close(model)
    return forces


# ------------------------------------------------------------------------------------------------------------------- frames


def _labelled():
    from alworkflows.frames import attach_labels

    frames = [attach_labels(crystal(), -1.0 - k, np.full((8, 3), 0.1), np.full(6, 0.01)) for k in range(2)]
    for atoms in frames:
        atoms.info["origin"] = {"structure": "zno", "step": 1}
    return frames


def _frames_npz():
    from alworkflows.frames import save

    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / "frames.npz", _labelled(), {"engine": {"calculator": "emt"}})
        return (Path(folder) / "frames.npz").read_bytes()


def _xyz():
    from alworkflows.frames import write

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "frames.xyz", _labelled())
        return (Path(folder) / "frames.xyz").read_bytes()


def describe(path):
    """Read frames, and describe the first of each species as a fit would."""
    from alworkflows import frames
    from alworkflows.descriptors import build
    from alworkflows.settings import DescriptorSettings, parse

    read: list[Atoms] = frames.read(path)
    for atoms in read[:2]:
        build(parse(DescriptorSettings, PLIP), sorted(set(atoms.get_chemical_symbols()))[:3]).design(atoms)
    return read


MODELS = {
    "linear-plip": Format(".npz", lambda: _saved(_members(PLIP, baseline=True)), spoiled_archive, predict),
    "linear-families": Format(".npz", lambda: _saved(_members(MIXED)), spoiled_archive, predict),
    "linear-chebyshev": Format(".npz", lambda: _saved(_members(CHEBYSHEV)), spoiled_archive, predict),
    "groups": Format(".npz", lambda: _saved(_members(PLIP), _members(CHEBYSHEV, baseline=True)), spoiled_archive, predict),
    "lammps-plip": Format(".plip", _plip, spoiled_text, evaluate),
}
FRAMES = {
    "frames-npz": Format(".npz", _frames_npz, spoiled_archive, describe),
    "frames-xyz": Format(".xyz", _xyz, spoiled_text, describe),
}
FORMATS = {**MODELS, **FRAMES}
