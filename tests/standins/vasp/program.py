"""The stand-in as a program: POSCAR, INCAR, KPOINTS, POTCAR in the current folder -> OUTCAR, vasprun.xml, CONTCAR, WAVECAR."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alworkflows.frames.twins import coarse_key
from vasp.files import Outcar, write_vasprun
from vasp.physics import Pairs, spin_energy

#: how much of the error is left after a step, as the logarithm
RATE = 1.5
DEFAULTS = {
    "AMIX": 0.4,
    "AMIX_MAG": 1.6,
    "ALGO": "Normal",
    "NELM": 60,
    "EDIFF": 1e-4,
    "ISPIN": 1,
    "SIGMA": 0.2,
    "NSW": 0,
    "IBRION": -1,
}


def read_incar() -> dict:
    """Return the tags of INCAR over VASP's own defaults."""
    tags = dict(DEFAULTS)
    for line in Path("INCAR").read_text().splitlines():
        name, _, value = line.partition("=")
        if value.strip():
            tags[name.strip().upper()] = _value(value.strip())
    return tags


def _value(text: str):
    if text.upper().strip(".") in ("TRUE", "FALSE"):
        return text.upper().strip(".") == "TRUE"
    words = [_number(word) for word in text.split()]
    return words[0] if len(words) == 1 else words


def _number(word: str):
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def read_atoms() -> Atoms:
    """Return the atoms of POSCAR, of the species that POTCAR has, as VASP sees them."""
    atoms = read("POSCAR", format="vasp")
    titles = [line.split() for line in Path("POTCAR").read_text().splitlines() if "TITEL" in line]
    species = [title[3].split("_")[0] for title in titles]
    symbols = atoms.get_chemical_symbols()
    groups = [symbol for place, symbol in enumerate(symbols) if place == 0 or symbols[place - 1] != symbol]
    if groups != species:
        refuse(f"POTCAR has {species}, POSCAR {groups}")
    if np.linalg.det(atoms.cell) < 0:
        refuse("the triple product of the basis vectors is negative")
    atoms.pbc = True
    return atoms


def refuse(reason: str) -> None:
    print(f"ERROR: {reason}\n\n I REFUSE TO CONTINUE WITH THIS SICK JOB ... BYE!!!\n", flush=True)
    sys.exit(1)


def mode_of(atoms: Atoms) -> str:
    path = os.environ.get("VASP_STANDIN_MODES")
    modes = json.loads(Path(path).read_text()) if path else {}
    turned = atoms.copy()
    turned.set_cell(-np.array(atoms.cell))  # how a left-handed cell goes in
    keys = [key for key in (coarse_key(atoms), coarse_key(turned)) if key in modes]
    return modes[keys[0]] if keys else os.environ.get("VASP_STANDIN", "normal")


def rate(mode: str, incar: dict) -> float:
    """Return how fast the field converges."""
    helped = {
        "mixing": incar["AMIX"] < DEFAULTS["AMIX"],
        "algorithm": str(incar["ALGO"]).upper() == "ALL",
        "never": False,
    }
    if mode == "steps":
        return -np.log(1e-7) / 150
    return RATE if helped.get(mode, True) else 0.0


def early_ends(mode: str) -> None:
    """End as the mode has it, before anything is computed."""
    if mode == "silent":
        os._exit(1)
    if mode == "refuses":
        refuse("this frame is refused")
    if mode == "memory":
        print("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=1.0. Some of your processes may have been killed")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def iterate(mode: str, incar: dict, energy: float, outcar: Outcar) -> tuple[list[float], str]:
    """Return the energy after each step, and how the loop ended: converged, unconverged, stopped."""
    done = json.loads(Path("WAVECAR").read_text())["steps"] if _there("WAVECAR") else 0
    speed, energies, before = rate(mode, incar), [], np.inf
    for step in range(1, int(incar["NELM"]) + 1):
        error = float(np.exp(-speed * (done + step)))
        energies.append(energy + error)
        outcar.iteration(step, energies[-1])
        print(f"DAV: {step:3d} {energies[-1]:20.12E} {error:14.5E}", flush=True)
        if mode == "crash" and step == 4:
            os.kill(os.getpid(), signal.SIGSEGV)
        if mode == "solver" and step == 4:
            print("Error EDDDAV: Call to ZHEGV failed. Returncode = 8 2 16", flush=True)
        if mode == "killed" and step == 4:
            print("slurmstepd: error: *** JOB 7 ON node CANCELLED AT 2025-01-01T12:00:00 DUE TO TIME LIMIT ***", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if mode in ("slow", "hangs"):
            time.sleep(1.0 if mode == "slow" else 1e6)
        converged = abs(before - error) < incar["EDIFF"] and error < incar["EDIFF"]
        before = error
        if converged:
            return energies, "converged"
        if _there("STOPCAR") and "LABORT" in Path("STOPCAR").read_text():
            print("hard stop encountered!  aborting job ...", flush=True)
            return energies, "stopped"
    return energies, "unconverged"


def _there(name: str) -> bool:
    return Path(name).exists() and Path(name).stat().st_size > 0


def main() -> None:
    """Run as VASP does."""
    began = time.time()
    print(" running on    1 total cores\n vasp.6.4.2 stand-in", flush=True)
    incar, atoms = read_incar(), read_atoms()
    mode = mode_of(atoms)
    early_ends(mode)
    given = atoms.copy()
    if mode == "other-structure":
        atoms.rattle(0.1, seed=1)
    if mode == "other-species":
        atoms.numbers = atoms.numbers + 1
    atoms.calc = Pairs(stiffness=1000.0 if mode == "force" else 1.0)
    moments = np.zeros(len(atoms))
    if incar["ISPIN"] == 2:
        moments = np.atleast_1d(incar.get("MAGMOM", np.ones(len(atoms)))).astype(float)
        if mode == "collapse" or (mode == "spin-jump" and incar["AMIX_MAG"] >= DEFAULTS["AMIX_MAG"]):
            moments = np.zeros(len(atoms))
    free = atoms.get_potential_energy() + spin_energy(moments)
    entropy = 0.1 * incar["SIGMA"] * len(atoms)
    outcar = Outcar(incar, atoms)
    energies, ended = iterate(mode, incar, free, outcar)
    steps = len(energies) + (json.loads(Path("WAVECAR").read_text())["steps"] if _there("WAVECAR") else 0)
    forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
    outcar.end(ended, free, entropy, forces, stress, moments.sum() if incar["ISPIN"] == 2 else None)
    if mode != "cut-outcar":
        outcar.timing(time.time() - began)
    write_vasprun(incar, atoms, energies, free, entropy, forces, stress, mode)
    given.write("CONTCAR", format="vasp", direct=True)
    if incar.get("LWAVE", True):
        Path("WAVECAR").write_text(json.dumps({"steps": steps}))


if __name__ == "__main__":
    main()
