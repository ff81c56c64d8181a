"""OUTCAR and vasprun.xml in the words, units and signs of VASP 6."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import GPa

LINE = "-" * 39


class Outcar:
    """OUTCAR, written while the program runs."""

    def __init__(self, incar: dict, atoms: Atoms) -> None:
        self.handle = open("OUTCAR", "w", buffering=1)  # noqa: SIM115
        self.atoms = atoms
        self.say(" vasp.6.4.2 stand-in, no quantum mechanics inside")
        self.say(f"   k-points           NKPTS = {int(np.prod(mesh())):6d}   number of bands    NBANDS= {4 * len(atoms)}")
        self.say(f"   NELM   = {int(incar['NELM']):6d};   NELMIN= 5; NELMDL= -5     # of ELM steps")
        self.say(f"   EDIFF  = {incar['EDIFF']:.1E}   stopping-criterion for ELM")
        self.say(f"   NSW    = {int(incar['NSW']):6d}    number of steps for IOM")
        self.say(f"   IBRION = {int(incar['IBRION']):6d}    ionic relax: 0-MD 1-quasi-New 2-CG")

    def say(self, text: str = "") -> None:
        self.handle.write(text + "\n")

    def iteration(self, step: int, energy: float) -> None:
        self.say(f"\n{LINE} Iteration {1:6d}({step:4d})  {LINE}")
        self.say(f"  free energy    TOTEN  = {energy:18.8f} eV")

    def end(
        self,
        ended: str,
        free: float,
        entropy: float,
        forces: np.ndarray,
        stress: np.ndarray,
        moment: float | None,
    ) -> None:
        """Write what follows the loop; all of it, even if it did not converge."""
        why = {
            "converged": "aborting loop because EDIFF is reached",
            "unconverged": "aborting loop EDIFF was not reached (unconverged)",
            "stopped": "aborting loop because hard stop was set",
        }
        electrons = 4.0 * len(self.atoms)
        self.say(f" number of electron {electrons:15.7f} magnetization {'' if moment is None else f'{moment:15.7f}'}")
        self.say(f"\n------------------------ {why[ended]} ----------------------------------------\n")
        if ended == "stopped":
            self.say(" hard stop encountered!  aborting job ...")
        pressure = -stress / (0.1 * GPa)
        xx, yy, zz, xy, yz, zx = (pressure[a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0)))
        self.say(f"  in kB {xx:12.5f}{yy:12.5f}{zz:12.5f}{xy:12.5f}{yz:12.5f}{zx:12.5f}")
        self.say(" POSITION                                       TOTAL-FORCE (eV/Angst)\n " + "-" * 83)
        for position, force in zip(self.atoms.positions, forces, strict=True):
            self.say("".join(f"{value:13.5f}" for value in position) + "".join(f"{value:14.6f}" for value in force))
        self.say(" " + "-" * 83)
        self.say("  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)")
        self.say(f"  free  energy   TOTEN  = {free:18.8f} eV\n")
        self.say(f"  energy  without entropy= {free + entropy:18.8f}  energy(sigma->0) = {free + 0.5 * entropy:18.8f}")

    def timing(self, seconds: float) -> None:
        self.say(" General timing and accounting informations for this job:\n " + "=" * 56)
        self.say(f"                  Total CPU time used (sec):  {seconds:12.3f}")
        self.say(f"                         Elapsed time (sec):  {seconds:12.3f}")


def mesh() -> list[int]:
    """Return the divisions that KPOINTS asks for."""
    lines = Path("KPOINTS").read_text().splitlines()
    if not lines[2].strip().lower().startswith("g"):
        raise SystemExit(f"expected a mesh around Gamma in KPOINTS, got '{lines[2]}'")
    return [int(word) for word in lines[3].split()[:3]]


def write_vasprun(
    incar: dict,
    atoms: Atoms,
    energies: list[float],
    free: float,
    entropy: float,
    forces: np.ndarray,
    stress: np.ndarray,
    mode: str,
) -> None:
    """Write vasprun.xml; the mode says what is wrong with it."""
    rows = [_row(force) for force in forces]
    if mode == "nan":
        rows[0] = "<v>             NaN      0.00000000      0.00000000 </v>"
    if mode == "overflow":
        rows[0] = "<v> **************** **************** 0.00000000 </v>"
    cell, fractional = np.asarray(atoms.cell), atoms.get_scaled_positions(wrap=False)
    crystal = _block("basis", cell)
    where = f"<crystal>\n{crystal}\n</crystal>\n{_block('positions', fractional)}"
    points = np.array(list(product(*(np.arange(count) / count for count in mesh()))))
    species = list(dict.fromkeys(atoms.get_chemical_symbols()))
    places = "\n".join(f"<rc><c>{s}</c><c>{species.index(s) + 1}</c></rc>" for s in atoms.get_chemical_symbols())
    text = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<generator>
<i name="program" type="string">vasp </i>
<i name="version" type="string">6.4.2  </i>
<i name="subversion" type="string">stand-in </i>
</generator>
<incar>
{chr(10).join(f'<i name="{name}">{value}</i>' for name, value in incar.items())}
</incar>
<kpoints>
{_block("kpointlist", points)}
<varray name="weights">
{chr(10).join(f"<v>{1 / len(points):16.8f}</v>" for _ in points)}
</varray>
</kpoints>
<parameters>
<separator name="electronic">
<i type="int" name="NELM">{int(incar["NELM"])}</i>
<i name="ENMAX">{float(incar.get("ENCUT", 300))}</i>
</separator>
<separator name="ionic">
<i type="int" name="NSW">{int(incar["NSW"])}</i>
</separator>
</parameters>
<atominfo>
<atoms>{len(atoms)}</atoms>
<types>{len(species)}</types>
<array name="atoms">
<dimension dim="1">ion</dimension>
<field type="string">element</field>
<field type="int">atomtype</field>
<set>
{places}
</set>
</array>
</atominfo>
<structure name="initialpos">
{where}
</structure>
<calculation>
{chr(10).join("<scstep>" + _energy(energy, entropy) + "</scstep>" for energy in energies)}
<structure>
{where}
</structure>
<varray name="forces">
{chr(10).join(rows)}
</varray>
{_block("stress", -stress / (0.1 * GPa))}
{_energy(free, entropy)}
</calculation>
<structure name="finalpos">
{where}
</structure>
</modeling>
"""
    if mode == "truncated":
        text = text[: text.index('<varray name="forces">') + 60]
    Path("vasprun.xml").write_text(text)


def _energy(free: float, entropy: float) -> str:
    named = {"e_fr_energy": free, "e_wo_entrp": free + entropy, "e_0_energy": free + 0.5 * entropy}
    return "<energy>" + "".join(f'<i name="{name}">{value:16.8f} </i>' for name, value in named.items()) + "</energy>"


def _block(name: str, values: np.ndarray) -> str:
    return f'<varray name="{name}">\n' + "\n".join(_row(row) for row in values) + "\n</varray>"


def _row(values: np.ndarray) -> str:
    return "<v> " + " ".join(f"{value:16.8f}" for value in values) + " </v>"
