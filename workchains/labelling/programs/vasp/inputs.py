"""What a VASP job is given besides INCAR: atoms sorted by species, k-points, potentials, a way to stop before the walltime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.orm import KpointsData
from ase import Atoms

from alworkflows.calculators.kpoints import mesh as kpoints_mesh
from alworkflows.errors import InputError, suggest, unknown
from alworkflows.settings import VaspSettings

__all__ = ["describe_potential", "kpoints", "potentials", "stop_in_time"]

#: first word of a POTCAR's TITEL, and the functional it was made with, as GGA names it
_MADE_WITH = {"PAW_PBE": "PE", "PAW_GGA": "91", "PAW": "CA"}
#: seconds between two looks at the clock
_LOOK = 2


def kpoints(frame: Atoms, settings: VaspSettings) -> KpointsData:
    """Return a mesh around Gamma as an unstored node."""
    node = KpointsData()
    node.set_kpoints_mesh(list(settings.kpoints or kpoints_mesh(frame, settings.kpoints_spacing)))
    return node


def potentials(settings: VaspSettings, gga: Any = None) -> dict[str, str]:
    """Return title and hash of each species' POTCAR, as the family has it.

    Parameters
    ----------
    gga
        The functional; if given, the potentials must not be made with another of those that have potentials of their own.

    Raises
    ------
    InputError
        If family or POTCAR is missing, or the POTCAR is of another species or functional.
    """
    from aiida_vasp.data.potcar import PotcarData

    family, mapping = settings.potential_family, settings.potential_mapping
    if PotcarData.get_potcar_group(family) is None:
        known = sorted(group.label for group in PotcarData.get_potcar_groups())
        raise InputError(
            f"label.vasp.potential_family: no POTCAR family '{family}' in this profile{suggest(family, known)}; known: "
            f"{', '.join(known) or 'none'}. To add it: aiida-vasp potcar uploadfamily --path FOLDER --name {family} "
            "--description TEXT"
        )
    described = {}
    for symbol, name in sorted(mapping.items()):
        nodes = PotcarData.query_by_attrs(family_name=family, full_name=name).all(flat=True)
        if not nodes:
            options = PotcarData.get_full_names(family, symbol)
            where = f"label.vasp.potential_mapping.{symbol}"
            if not options:
                raise InputError(f"{where}: the POTCAR family '{family}' has nothing for {symbol}, expected '{name}'")
            raise unknown(f"POTCAR of {symbol} in family '{family}' ({where})", name, options)
        described[symbol] = describe_potential(nodes[0])
        _check_potential(nodes[0], symbol, gga)
    return described


def describe_potential(node: Any) -> str:
    """Return title and hash of a POTCAR: 'PAW_PBE Zn 06Sep2000 (1a2b3c4d5e6f7a8b)'."""
    return f"{node.title} ({node.sha512[:16]})"


def _check_potential(node: Any, symbol: str, gga: Any) -> None:
    where = f"label.vasp.potential_mapping.{symbol}"
    if node.element != symbol:
        raise InputError(f"{where}: expected a POTCAR of {symbol}, got '{node.title}' of {node.element}")
    made_with = _MADE_WITH.get(node.title.split()[0])
    if gga is not None and made_with is not None and str(gga).upper() in _MADE_WITH.values() and made_with != str(gga).upper():
        raise InputError(f"{where}: expected a POTCAR made with GGA = {gga}, as INCAR has it, got '{node.title}' ({made_with})")


def stop_in_time(options: Mapping[str, Any], margin: float) -> dict[str, Any]:
    """Return the options with lines of the job script that stop VASP before the walltime does.

    VASP writes wave functions when it ends, not while it iterates: killed by the queue, all is lost. STOPCAR with LABORT ends it
    after the electronic step at hand, and it writes what the next job goes on from.
    """
    seconds = options.get("max_wallclock_seconds")
    if not seconds or not margin:
        return dict(options)
    lines = (
        f"( end=$((SECONDS + {max(int(seconds * (1 - margin)), 1)}))\n"
        "while kill -0 $$ 2> /dev/null; do\n"
        "[ $SECONDS -ge $end ] && { echo 'LABORT = .TRUE.' > STOPCAR; break; }\n"
        f"sleep {_LOOK}\n"
        "done ) > /dev/null 2>&1 &"
    )
    before = options.get("prepend_text", "")
    return {**options, "prepend_text": f"{before}\n{lines}" if before else lines}
