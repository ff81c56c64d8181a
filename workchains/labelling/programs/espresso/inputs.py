"""What pw.x is given for one frame: parameters, k-points, pseudopotentials; and which of it defines a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida.orm import KpointsData, QueryBuilder
from aiida_pseudo.data.pseudo.upf import UpfData
from aiida_pseudo.groups.family import PseudoPotentialFamily
from aiida_pseudo.groups.mixins import RecommendedCutoffMixin
from ase import Atoms

from alworkflows.calculators.failures import FailureKind
from alworkflows.calculators.kpoints import mesh as kpoints_mesh
from alworkflows.errors import InputError, unknown
from alworkflows.schema import merge
from alworkflows.settings import EspressoSettings, LabelSettings

__all__ = [
    "REMEDIES",
    "check_parameters",
    "check_pseudos",
    "defining",
    "kpoints",
    "merged",
    "parameters",
    "pseudos",
    "remedied",
    "with_cutoffs",
]

#: Ry an atom: estimated error of the energy at which the self-consistent field ends; that of forces is some 1e-4 Ry/bohr
CONV_THR_PER_ATOM = 1e-10

#: for force labels, under what the settings say
_OURS: dict[str, dict[str, Any]] = {
    "CONTROL": {"calculation": "scf", "tprnfor": True, "tstress": True},
    "SYSTEM": {"occupations": "fixed"},
    "ELECTRONS": {},
}

#: tags that say how a label is reached, not what it is; ours of CONTROL are the same for all
_NEUTRAL = {
    "CONTROL": {
        *_OURS["CONTROL"],
        *("disk_io", "max_seconds", "title", "verbosity", "wf_collect", "iprint", "lkpoint_dir"),
        *("etot_conv_thr", "forc_conv_thr"),
    },
    "SYSTEM": {"nbnd", "nosym_evc"},
    "ELECTRONS": {
        *("mixing_beta", "mixing_mode", "mixing_ndim", "mixing_fixed_ns", "electron_maxstep", "diagonalization"),
        *("diago_thr_init", "diago_cg_maxiter", "diago_david_ndim", "diago_rmm_ndim", "diago_full_acc", "startingwfc"),
        *("adaptive_thr", "conv_thr_init", "conv_thr_multi"),
    },
}

#: what pw.x does without being told
_MIXING_BETA, _MAXSTEP = 0.7, 100


@dataclass(frozen=True)
class _Remedy:
    """One change of tags of ELECTRONS; none is a part of what defines a label."""

    kinds: tuple[FailureKind, ...]
    change: Callable[[Mapping[str, Any]], dict[str, Any]]


#: in the order in which they are tried, each by itself
REMEDIES = {
    "mixing": _Remedy(
        (FailureKind.UNCONVERGED, FailureKind.SPIN),
        lambda tags: {"mixing_beta": round(0.4 * tags.get("mixing_beta", _MIXING_BETA), 4)},
    ),
    "local-TF": _Remedy((FailureKind.UNCONVERGED,), lambda tags: {"mixing_mode": "local-TF"}),
    "cg": _Remedy((FailureKind.UNCONVERGED, FailureKind.CRASH, FailureKind.MEMORY), lambda tags: {"diagonalization": "cg"}),
    "more-steps": _Remedy(
        (FailureKind.UNCONVERGED,), lambda tags: {"electron_maxstep": 4 * tags.get("electron_maxstep", _MAXSTEP)}
    ),
    "again": _Remedy((FailureKind.LOST, FailureKind.TRUNCATED), lambda tags: {}),
}


# ---------------------------------------------------------------------------------------------------------- parameters


def merged(settings: LabelSettings) -> dict[str, dict[str, Any]]:
    """Return the namelists that all frames share: ours, under those of the settings."""
    assert settings.espresso is not None  # a check of the settings themselves
    namelists: dict[str, dict[str, Any]] = merge(_OURS, settings.espresso.parameters)
    if settings.moments:
        namelists["SYSTEM"] = {**namelists["SYSTEM"], "nspin": 2}
    return namelists


def check_parameters(settings: LabelSettings) -> None:
    """Raise an ``InputError`` if parameters contradict each other; only what needs no database."""
    assert settings.espresso is not None
    where, system = "label.espresso.parameters: SYSTEM", merged(settings)["SYSTEM"]
    smeared = system["occupations"] == "smearing"
    given = [tag for tag in ("smearing", "degauss") if tag in system]
    if given and not smeared:
        raise InputError(f"{where}.{given[0]}: expected with occupations 'smearing', got occupations '{system['occupations']}'")
    if smeared and not system.get("degauss", 0) > 0:
        raise InputError(f"{where}.degauss: expected a width above 0 Ry with occupations 'smearing', got {system.get('degauss')}")
    if "ecutrho" in system and "ecutwfc" not in system:
        raise InputError(f"{where}: expected ecutwfc with ecutrho, got ecutrho alone")
    if system.get("ecutrho", float("inf")) < system.get("ecutwfc", 0):
        raise InputError(f"{where}.ecutrho: expected at least ecutwfc ({system['ecutwfc']}), got {system['ecutrho']}")
    for symbol in settings.moments:
        if symbol not in settings.espresso.species:
            raise unknown("species in label.moments (expected those of label.espresso)", symbol, settings.espresso.species)
    if settings.moments and system.get("noncolin"):
        raise InputError(f"{where}.noncolin: expected no label.moments, which are collinear, got {settings.moments}")
    if settings.moments and system["occupations"] == "fixed" and "tot_magnetization" not in system:
        raise InputError(f"{where}: label.moments expects occupations 'smearing', or 'fixed' with tot_magnetization; got 'fixed'")


def remedied(namelists: Mapping[str, dict[str, Any]], remedy: str | None) -> dict[str, dict[str, Any]]:
    """Return the namelists with one remedy in force."""
    if remedy is None:
        return dict(namelists)
    if remedy not in REMEDIES:
        raise unknown("remedy", remedy, REMEDIES)
    return {**namelists, "ELECTRONS": {**namelists["ELECTRONS"], **REMEDIES[remedy].change(namelists["ELECTRONS"])}}


def parameters(
    namelists: Mapping[str, dict[str, Any]],
    n_atoms: int,
    magnetization: Mapping[str, float],
    walltime: float | None,
    margin: float,
    restart: bool,
) -> dict[str, dict[str, Any]]:
    """Return the namelists of one job.

    Parameters
    ----------
    magnetization
        Initial moment by species over its valence electrons; empty: no spin.
    walltime
        s; the job stops by itself when but ``margin``, a share, is left of it, so that it can go on later.
    restart
        Whether it goes on from where another stopped.
    """
    control, system, electrons = (dict(namelists[name]) for name in ("CONTROL", "SYSTEM", "ELECTRONS"))
    if walltime is not None:
        control["max_seconds"] = min(control.get("max_seconds", float("inf")), (1.0 - margin) * walltime)
    control["restart_mode"] = "restart" if restart else "from_scratch"
    electrons.setdefault("conv_thr", CONV_THR_PER_ATOM * n_atoms)
    if magnetization:
        system["starting_magnetization"] = dict(magnetization)
    return {"CONTROL": control, "SYSTEM": system, "ELECTRONS": electrons}


def defining(namelists: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the tags that define a label; whole numbers as the reals they may be, so that 25 and 25.0 are one."""
    kept = {
        name: {tag: _plain(value) for tag, value in tags.items() if tag not in _NEUTRAL[name]} for name, tags in namelists.items()
    }
    if "conv_thr" not in kept["ELECTRONS"]:
        kept["ELECTRONS"]["conv_thr_per_atom"] = CONV_THR_PER_ATOM
    return {name: tags for name, tags in kept.items() if tags}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# ------------------------------------------------------------------------------------------------------------ k-points


def kpoints(frame: Atoms, settings: EspressoSettings, noncollinear: bool) -> tuple[KpointsData, dict[str, Any]]:
    """Return a mesh around Gamma as an unstored node, and the plug-in's settings: at Gamma alone, wave functions are real."""
    mesh = settings.kpoints or kpoints_mesh(frame, settings.kpoints_spacing)
    node = KpointsData()
    node.set_kpoints_mesh(list(mesh))
    return node, {"gamma_only": True} if tuple(mesh) == (1, 1, 1) and not noncollinear else {}


# ---------------------------------------------------------------------------------------------------- pseudopotentials


def family(label: str) -> PseudoPotentialFamily:
    """Return a family of pseudopotentials.

    Raises
    ------
    InputError
        If the profile has none of that name.
    """
    families = dict(QueryBuilder().append(PseudoPotentialFamily, project=["label", "*"]).all())
    if label not in families:
        error = unknown("family of pseudopotentials in label.espresso.pseudo_family", label, families)
        raise InputError(f"{error}{'' if families else 'none'}; `aiida-pseudo install` makes one")
    return families[label]


def pseudos(settings: EspressoSettings) -> dict[str, UpfData]:
    """Return the pseudopotential of each species.

    Raises
    ------
    InputError
        If there is no such family, or it has none for a species.
    """
    held = family(settings.pseudo_family)
    missing = sorted(set(settings.species) - set(held.elements))
    if missing:
        raise InputError(
            f"label.espresso.pseudo_family: '{settings.pseudo_family}' has no pseudopotential for {', '.join(missing)}; "
            f"it has {', '.join(sorted(held.elements))}"
        )
    return {symbol: held.get_pseudo(symbol) for symbol in settings.species}


def with_cutoffs(namelists: Mapping[str, dict[str, Any]], settings: EspressoSettings) -> dict[str, dict[str, Any]]:
    """Return the namelists with the family's recommended cutoffs for all species, if they have none.

    Raises
    ------
    InputError
        If there are none of either.
    """
    if "ecutwfc" in namelists["SYSTEM"]:
        return dict(namelists)
    held = family(settings.pseudo_family)
    if not isinstance(held, RecommendedCutoffMixin) or not held.get_cutoff_stringencies():
        raise InputError(
            f"label.espresso.parameters: expected SYSTEM.ecutwfc and ecutrho (Ry), got none, and the family "
            f"'{settings.pseudo_family}' recommends none"
        )
    wave, density = held.get_recommended_cutoffs(elements=settings.species, unit="Ry")
    return {**namelists, "SYSTEM": {**namelists["SYSTEM"], "ecutwfc": wave, "ecutrho": density}}


def check_pseudos(settings: LabelSettings, frames: Sequence[Atoms], pseudos: Mapping[str, UpfData]) -> None:
    """Raise an ``InputError`` if moments or occupations do not suit the valence electrons."""
    valence = {symbol: node.z_valence for symbol, node in pseudos.items()}
    for symbol, moment in settings.moments.items():
        if abs(moment) > valence[symbol]:
            raise InputError(
                f"label.moments: expected at most the {valence[symbol]} valence electrons of {symbol}'s pseudopotential, "
                f"got {moment}"
            )
    system = merged(settings)["SYSTEM"]
    if system["occupations"] != "fixed" or settings.moments or system.get("noncolin"):
        return
    for index, frame in enumerate(frames):
        electrons = sum(valence[symbol] for symbol in frame.get_chemical_symbols()) - system.get("tot_charge", 0)
        if electrons % 2:
            raise InputError(
                f"frame {index}: expected an even number of electrons with occupations 'fixed', got {electrons:g}; "
                "label.espresso.parameters: SYSTEM.occupations 'smearing', with smearing and degauss, takes any"
            )
