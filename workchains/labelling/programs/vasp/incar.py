"""INCAR for one label: a protocol with changes to it, what of it defines the label, and the remedies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from alworkflows.calculators.failures import FailureKind
from alworkflows.errors import InputError, unknown
from alworkflows.settings import LabelSettings, VaspSettings

__all__ = ["NEUTRAL", "REMEDIES", "by_species", "defining", "merged", "protocols", "remedied", "tags"]

#: tags that change how a label is reached and what it costs, not what it is
NEUTRAL = frozenset(
    (
        # how the ground state is reached
        *("ALGO", "IALGO", "LDIAG", "NELM", "NELMDL", "NELMIN", "TIME", "WC", "LMAXMIX"),
        *("AMIN", "AMIX", "AMIX_MAG", "BMIX", "BMIX_MAG", "IMIX", "INIMIX", "MAXMIX", "MIXPRE"),
        # how the work is spread
        *("KPAR", "LPLANE", "LSCAAWARE", "LSCALAPACK", "LSCALU", "NBLK", "NCORE", "NPAR", "NSIM"),
        # what is written
        *("LAECHG", "LCHARG", "LELF", "LORBIT", "LVHAR", "LVTOT", "LWAVE", "NWRITE", "SYSTEM"),
        # the same single point with each value that is allowed
        *("IBRION", "ISIF", "NSW"),
    )
)

#: tags that the engine sets or that would make something else than a single point with collinear moments, and why
_NOT_YOURS = {
    "MAGMOM": "moments are label.moments, by species",
    "NELECT": "the number of electrons follows from the frame",
    "ISTART": "set by the engine: a job goes on from wave functions where there are some",
    "ICHARG": "set by the engine: a job goes on from wave functions where there are some",
    "KSPACING": "k-points are vasp.kpoints_spacing or vasp.kpoints",
    "KGAMMA": "k-points are vasp.kpoints_spacing or vasp.kpoints, around Gamma",
    "LNONCOLLINEAR": "moments are collinear here",
    "LSORBIT": "moments are collinear here",
    "IMAGES": "a label is a single point",
    "LEPSILON": "a label is a single point",
    "LCALCEPS": "a label is a single point",
    "LOPTICS": "a label is a single point",
}
#: tags with only one value that makes a single point with forces and stress
_FIXED = {"NSW": (0,), "IBRION": (-1,), "ISIF": (2, 3)}
#: algorithms that reach a ground state; others (NONE, EXACT, GW0, ...) answer other questions
_ALGORITHMS = ("NORMAL", "FAST", "VERYFAST", "VERY_FAST", "CONJUGATE", "ALL", "DAMPED", "SUBROT")
#: tags that VASP reads as a list by species, in the order of POSCAR, which differs from frame to frame
_BY_SPECIES = frozenset(["LDAUL", "LDAUU", "LDAUJ", "RWIGS", "ROPT", "POMASS", "ZVAL"])

#: change to INCAR by remedy, and the kind of failure that it is for, in the order in which they are tried
REMEDIES: dict[str, tuple[FailureKind, str]] = {
    "mixing": (FailureKind.UNCONVERGED, "smaller steps of the density, without Kerker's screening"),
    "algorithm": (FailureKind.UNCONVERGED, "orbitals by conjugate gradients, or by Davidson if they were already"),
    "steps": (FailureKind.UNCONVERGED, "twice the steps"),
    "spin-mixing": (FailureKind.SPIN, "smaller steps of the spin density, without screening"),
}


@cache
def protocols() -> dict[str, dict[str, Any]]:
    """Return the INCAR of each protocol."""
    content = yaml.safe_load((Path(__file__).parent / "protocols" / "vasp.yaml").read_text())
    return {name: {**content["common"], **protocol["incar"]} for name, protocol in content["protocols"].items()}


@cache
def tags() -> frozenset[str]:
    """Return the INCAR tags that aiida-vasp knows."""
    from aiida_vasp.assistant import parameters

    known = yaml.safe_load((Path(parameters.__file__).parent / "parameters.yml").read_text())
    return frozenset(name.upper() for name in known)


def merged(settings: LabelSettings) -> dict[str, Any]:
    """Return the INCAR of a label, MAGMOM apart: the protocol with the changes laid over it, in upper case.

    Raises
    ------
    InputError
        If the protocol or a tag is unknown, a tag contradicts a single point, or spin and moments contradict each other.
    """
    vasp = _block(settings)
    if vasp.protocol not in protocols():
        raise unknown("protocol in label.vasp.protocol", vasp.protocol, protocols())
    given: dict[str, Any] = {}
    for tag, value in vasp.incar.items():
        name = str(tag).upper()
        if name in given:
            raise InputError(f"label.vasp.incar: the tag {name} is given twice")
        given[name] = _checked(name, value)
    incar = {**protocols()[vasp.protocol], **given}
    if settings.moments:
        if given.get("ISPIN", 2) != 2:
            raise InputError(f"label.vasp.incar.ISPIN: expected 2 since label.moments are given, got {given['ISPIN']}")
        incar["ISPIN"] = 2
    elif incar["ISPIN"] == 2:
        raise InputError(
            "label.moments: expected the initial moment of each magnetic species, since ISPIN is 2; without them VASP starts "
            "every atom from 1 mu_B"
        )
    return dict(sorted(incar.items()))


def _block(settings: LabelSettings) -> VaspSettings:
    assert settings.vasp is not None  # a check of the settings themselves
    return settings.vasp


def _checked(name: str, value: Any) -> Any:
    """Return a tag's value in its plain form, if a user may set it to that."""
    where = f"label.vasp.incar.{name}"
    if name in _NOT_YOURS:
        raise InputError(f"{where}: {_NOT_YOURS[name]}")
    if name.startswith("ML_"):
        raise InputError(f"{where}: a label is computed by VASP, not by its force field")
    if name not in tags():
        raise unknown("INCAR tag in label.vasp.incar", name, tags())
    if name in _BY_SPECIES and not isinstance(value, dict):
        raise InputError(f"{where}: expected {{species: value}}, since species and their order differ by frame, got {value!r}")
    value = _plain(value)
    if name in _FIXED and value not in _FIXED[name]:
        raise InputError(
            f"{where}: a label is a single point with forces and stress: expected {' or '.join(map(str, _FIXED[name]))}, "
            f"got {value!r}"
        )
    if name == "ALGO" and str(value).upper() not in _ALGORITHMS:
        raise unknown("algorithm in label.vasp.incar.ALGO", value, [item.capitalize() for item in _ALGORITHMS])
    if value is None or (isinstance(value, dict) and not value):
        raise InputError(f"{where}: expected a value, got {value!r}")
    return value


def _plain(value: Any) -> Any:
    """Return a value so that equal ones are written alike: '.TRUE.' is true, 520.0 is 520."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str) and value.strip().upper() in (".TRUE.", "T", ".T."):
        return True
    if isinstance(value, str) and value.strip().upper() in (".FALSE.", "F", ".F."):
        return False
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def defining(incar: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags that define a label: all that are not neutral, words in upper case."""
    return {
        tag: value.strip().upper() if isinstance(value, str) else value
        for tag, value in sorted(incar.items())
        if tag not in NEUTRAL
    }


def by_species(incar: Mapping[str, Any], species: Sequence[str]) -> dict[str, Any]:
    """Return the tags as VASP reads them: a mapping by species becomes a list in the order of ``species``.

    Raises
    ------
    InputError
        If a species has no value.
    """
    written: dict[str, Any] = {}
    for tag, value in incar.items():
        if isinstance(value, dict):
            for symbol in species:
                if symbol not in value:
                    raise InputError(f"label.vasp.incar.{tag}: expected a value for each species, got none for {symbol}")
            value = [value[symbol] for symbol in species]
        written[tag] = value
    return written


def remedied(incar: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """Return the tags with one remedy in force.

    Raises
    ------
    InputError
        If there is no remedy of that name.
    """
    changed = dict(incar)
    if name is None:
        return changed
    if name not in REMEDIES:
        raise unknown("remedy", name, REMEDIES)
    if name == "mixing":
        changed.update(AMIX=0.5 * incar.get("AMIX", 0.4), BMIX=0.0001)
        if incar["ISPIN"] == 2:
            # the spin density has a pair of its own, which would go on being screened
            changed.update(AMIX_MAG=0.5 * incar.get("AMIX_MAG", 1.6), BMIX_MAG=0.0001)
    elif name == "algorithm":
        changed["ALGO"] = "Normal" if str(incar["ALGO"]).upper() in ("ALL", "CONJUGATE") else "All"
    elif name == "steps":
        changed["NELM"] = 2 * int(incar["NELM"])
    else:
        changed.update(AMIX_MAG=0.25 * incar.get("AMIX_MAG", 1.6), BMIX_MAG=0.0001)
    return changed
