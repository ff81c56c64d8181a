"""Files as VASP writes them, as far as anything reads them."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

HEADER = """ vasp.6.3.0 20Jan22 (build Mar 10 2022 12:00:00) complex
 executed on             LinuxIFC date 2022.03.10  12:00:00
 INCAR:
 POTCAR:    PAW_PBE Cu 22Jun2005
 POTCAR:    PAW_PBE Cu 22Jun2005
   VRHFIN =Cu: d10 p1
 Dimension of arrays:
   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=     16
 k-points in reciprocal lattice and weights: Gamma
   0.00000000  0.00000000  0.00000000       1.000
   ISPIN  =      1    spin polarized calculation?
   NELM   =     {nelm};   NELMIN=  2; NELMDL= -5     # of ELM steps
   ions per type =               {atoms}
"""
FINISHED = " General timing and accounting informations for this job:\n"


def outcar(frames: Sequence[Atoms], ended: Sequence[str], nelm: int = 60, steps: int = 8) -> str:
    """An OUTCAR; ``ended``: of each step "reached", "limit", "silent" or "learnt"."""
    text = HEADER.format(nelm=nelm, atoms=len(frames[0]))
    return text + "".join(
        ionic_step(frame, number, end, nelm, steps)
        for number, (frame, end) in enumerate(zip(frames, ended, strict=True), start=1)
    )


def ionic_step(frame: Atoms, number: int, end: str, nelm: int, steps: int) -> str:
    lines = []
    if end != "learnt":
        for iteration in range(1, (nelm if end == "limit" else steps) + 1):
            lines.append(
                f"--------------------------------------- Iteration {number:6d}({iteration:4d})  -----------------------"
            )
        if end in ("reached", "limit"):
            why = "because EDIFF is reached" if end == "reached" else "EDIFF was not reached"
            lines.append(f"------------------------ aborting loop {why} ----------------------------------------")
    stress = -frame.get_stress()[[0, 1, 2, 5, 3, 4]] * 1602.1766208
    lines += [
        "  in kB   " + " ".join(f"{value:11.5f}" for value in stress),
        "      direct lattice vectors                 reciprocal lattice vectors",
    ]
    lines += [" " + " ".join(f"{value:12.9f}" for value in [*vector, 0.0, 0.0, 0.0]) for vector in frame.cell.array]
    learnt = " (ML)" if end == "learnt" else ""
    lines += [f" POSITION                                       TOTAL-FORCE (eV/Angst){learnt}", " " + "-" * 83]
    lines += [
        " " + " ".join(f"{value:12.6f}" for value in [*position, *force])
        for position, force in zip(frame.positions, frame.get_forces(), strict=True)
    ]
    energy = frame.get_potential_energy()
    lines += [" " + "-" * 83, "    total drift:                                0.000000      0.000000      0.000000", ""]
    lines += ["  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)", "  ---------------------------------------------------"]
    lines += [f"  free  energy   TOTEN  =  {energy:18.8f} eV", ""]
    lines += [f"  energy  without entropy=  {energy + 0.1:18.8f}  energy(sigma->0) = {energy + 0.05:18.8f}", ""]
    return "\n".join(lines) + "\n"


def vasprun(
    frames: Sequence[Atoms], steps: Sequence[int], nelm: int = 60, pressure: float = 0.0, end: str = "</modeling>\n"
) -> str:
    """A vasprun.xml; ``steps``: how many electronic steps each ionic step has; ``pressure``: PSTRESS, kbar."""
    first = frames[0]
    species = "".join(f"<rc><c>{symbol}</c><c>1</c></rc>" for symbol in first.get_chemical_symbols())
    text = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <incar><i type="int" name="NELM">10</i></incar>
 <parameters><i type="int" name="NELM">{nelm}</i><i name="PSTRESS">{pressure}</i></parameters>
 <kpoints>{varray("kpointlist", np.zeros((1, 3)))}{varray("weights", np.ones((1, 1)))}</kpoints>
 <atominfo><array name="atoms"><set>{species}</set></array></atominfo>
 {structure(first, ' name="initialpos"')}
"""
    return text + "".join(calculation(frame, count, pressure) for frame, count in zip(frames, steps, strict=True)) + end


def calculation(frame: Atoms, count: int, pressure: float = 0.0) -> str:
    free = frame.get_potential_energy()
    work = pressure * frame.get_volume() / 1602.1766208
    stress = -frame.get_stress(voigt=False) * 1602.1766208
    return f""" <calculation>
{"".join(f"<scstep>{energies(free)}</scstep>" for _ in range(count))}
{structure(frame)}
{varray("forces", frame.get_forces())}
{varray("stress", stress)}
{energies(free + work)}
 </calculation>
"""


def energies(free: float) -> str:
    return (
        f'<energy><i name="e_fr_energy">{free:.8f}</i><i name="e_wo_entrp">{free + 0.1:.8f}</i>'
        f'<i name="e_0_energy">{free + 0.05:.8f}</i></energy>'
    )


def structure(frame: Atoms, name: str = "") -> str:
    return (
        f'<structure{name}><crystal>{varray("basis", frame.cell.array)}<i name="volume">{frame.get_volume():.8f}</i></crystal>'
        f"{varray('positions', frame.get_scaled_positions())}</structure>"
    )


def varray(name: str, rows: np.ndarray) -> str:
    return (
        f'<varray name="{name}">' + "".join(f"<v>{' '.join(f'{value:.8f}' for value in row)}</v>" for row in rows) + "</varray>"
    )
