"""Whatever ASE reads: its labels are kept apart, under the names that ASE has for them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.keys import looks_like_label
from alworkflows.settings.reading import ReadSettings

__all__ = ["raw_frame", "read_with_ase"]

#: what calculators of ASE may hold beside energy, forces and stress, and is kept
KEPT = ("magmoms", "magmom", "charges", "energies")


def read_with_ase(
    path: Path, name: str, settings: ReadSettings, form: str | None = None, **options: Any
) -> Iterator[RawFrame | Fault]:
    """Yield the frames that ASE finds in a file.

    Parameters
    ----------
    form
        ASE's name of the format; None: that of the settings, or as ASE guesses.
    options
        Of ASE's reader.

    Raises
    ------
    InputError
        If ASE cannot read it.
    """
    import ase.io

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            images = ase.io.read(path, index=":", format=form or settings.format, **options)
        except Exception as error:  # ASE's readers raise anything; name the file and keep their reason
            reason = str(error) or "it gives no reason"
            raise InputError(
                f"{name}: ASE cannot read this file as {form or settings.format or 'what it seems to be'} "
                f"({type(error).__name__}: {reason}); --format names another format"
            ) from error
    for index, atoms in enumerate(images if isinstance(images, list) else [images]):
        yield raw_frame(atoms, index, name)


def raw_frame(atoms: Atoms, index: int, name: str, place: str = "") -> RawFrame:
    """Return a frame of ASE's with what may be labels kept apart."""
    labels: dict[str, Any] = {}
    for store in (atoms.info, atoms.arrays):
        for key in [key for key in store if looks_like_label(key)]:
            labels[key] = store.pop(key)
    calculator, fault = atoms.calc, None
    atoms.calc = None
    if isinstance(calculator, SinglePointCalculator):
        wanted = {key: value for key, value in calculator.results.items() if value is not None}
        labels.update({key: value for key, value in wanted.items() if looks_like_label(key) or key in KEPT})
        if "stress" in labels and np.shape(labels["stress"]) == (6,):
            labels["stress"] = voigt_6_to_full_3x3_stress(labels["stress"])  # a matrix leaves no doubt about the order
        if labels and _is_stale(atoms, calculator):
            fault = Fault(FaultKind.STALE, name, index, "the atoms were moved after their labels were computed", place)
    if (partly := partly_occupied(atoms)) is not None:
        fault = Fault(FaultKind.OCCUPANCY, name, index, f"expected fully occupied sites, got {partly}", place)
    return RawFrame(atoms, labels, index, place, fault=fault)


def partly_occupied(atoms: Atoms) -> str | None:
    """Return the first site of a CIF that is partly occupied or shared, in words; what is not known counts as full."""
    shares = atoms.info.get("occupancy")
    for label, site in shares.items() if isinstance(shares, dict) else ():
        values = {symbol: _share(value) for symbol, value in site.items()}
        if len(values) > 1 or any(abs(value - 1.0) > 1e-6 for value in values.values()):
            return f"site {label} with {', '.join(f'{symbol} {value:g}' for symbol, value in values.items())}"
    return None


def _share(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 1.0


def _is_stale(atoms: Atoms, calculator: SinglePointCalculator) -> bool:
    """Return whether the labels are of another configuration than the frame."""
    seen: Any = calculator.atoms
    return (
        len(seen) != len(atoms)
        or bool(np.any(seen.numbers != atoms.numbers))
        or not np.allclose(seen.positions, atoms.positions, rtol=0, atol=1e-6)
        or not np.allclose(np.asarray(seen.cell), np.asarray(atoms.cell), rtol=0, atol=1e-6)
    )
