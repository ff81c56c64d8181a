"""Active learning of interatomic potentials: the science, free of any workflow engine.

What a notebook needs is here by its own name, and imported when it is first used::

    import alworkflows as al

    frames = al.read("frames.xyz")
    fit = al.Fit(frames)
    print(fit.path)
    al.force_shares(fit.ensemble(), frames)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alworkflows.frames import read, write
    from alworkflows.insight import force_shares, look_into
    from alworkflows.labelling.run import label
    from alworkflows.models import Ensemble, Fit, compare, force_errors
    from alworkflows.sampling import parse_sampler, sample
    from alworkflows.settings import LinearSettings
    from alworkflows.structures import crystal

__all__ = [
    "Ensemble",
    "Fit",
    "LinearSettings",
    "compare",
    "crystal",
    "force_errors",
    "force_shares",
    "label",
    "look_into",
    "parse_sampler",
    "read",
    "sample",
    "write",
]

__version__ = "0.2.0"

#: the module of each name
_HOMES = {
    "Ensemble": "models",
    "Fit": "models",
    "LinearSettings": "settings",
    "compare": "models",
    "crystal": "structures",
    "force_errors": "models",
    "force_shares": "insight",
    "label": "labelling",
    "look_into": "insight",
    "parse_sampler": "sampling",
    "read": "frames",
    "sample": "sampling",
    "write": "frames",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562)."""
    if name not in _HOMES:
        from alworkflows.errors import suggest

        raise AttributeError(f"module 'alworkflows' has no attribute '{name}'{suggest(name, _HOMES)}")
    from importlib import import_module

    value = getattr(import_module(f"alworkflows.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
