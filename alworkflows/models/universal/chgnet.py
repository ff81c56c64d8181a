"""CHGNet's weights and graphs, for whoever calculates with it. Nothing is imported before it is asked for."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from alworkflows.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

__all__ = [
    "EXTRA",
    "PACKAGE",
    "PARAMETERS",
    "UNTRAINED",
    "check_installed",
    "check_species",
    "energy_alone",
    "load",
    "mirrored",
    "predict",
    "quiet",
]

PACKAGE, EXTRA = "chgnet", "universal"
#: names of the weights in the wheel, and how many numbers each has
PARAMETERS = {"0.3.0": 412_525, "0.2.0": 400_438, "r2scan": 412_525}
#: the last element that the network has a place for, and those before it that no weights, or not these, were trained on
LAST = 94
UNTRAINED = {"0.3.0": frozenset({84, 85, 86, 87, 88}), "0.2.0": frozenset({84, 85, 86, 87, 88})}
UNTRAINED["r2scan"] = UNTRAINED["0.3.0"] | {70}


def check_installed(what: str = "CHGNet") -> None:
    """Raise :class:`.errors.MissingExtraError` if the package is not installed."""
    if find_spec(PACKAGE) is None:
        raise MissingExtraError(what, PACKAGE, EXTRA)


def check_species(species: Sequence[str], weights: str) -> None:
    """Raise an :class:`.errors.InputError` if there is a species that the weights were not trained on."""
    from ase.data import atomic_numbers

    foreign = [
        symbol
        for symbol in species
        if not 0 < atomic_numbers.get(symbol, 0) <= LAST or atomic_numbers[symbol] in UNTRAINED[weights]
    ]
    if foreign:
        raise InputError(f"CHGNet {weights} was not trained on {', '.join(foreign)}")


@lru_cache(maxsize=4)
def load(weights: str) -> Any:
    """Return the network with weights of the wheel, on the CPU, in single precision as it was trained; one for all who ask."""
    check_installed()
    with quiet():
        from chgnet.model.model import CHGNet

        return CHGNet.load(model_name=weights, use_device="cpu", verbose=False)


def predict(weights: str, atoms: Atoms, **what: Any) -> dict[str, np.ndarray]:
    """Return what the network says of a periodic frame, by the names that it has for its outputs, in one thread.

    An atom out of reach of all others is let be: the edges' weights fall to zero at the cutoff, so that energies stay continuous.
    The stress of a left-handed cell is that of the crystal: the network divides by a volume with a sign.
    """
    network = load(weights)
    import torch
    from pymatgen.io.ase import AseAtomsAdaptor

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # jobs run side by side, and sums by several threads differ in their last bits
    try:
        with quiet():
            graph = _converter(weights)(AseAtomsAdaptor.get_structure(atoms))
            outputs: dict[str, np.ndarray] = network.predict_graph(graph, **what)
    finally:
        torch.set_num_threads(threads)
    if mirrored(atoms) and "s" in outputs:
        outputs["s"] = -outputs["s"]
    return outputs


def mirrored(atoms: Atoms) -> bool:
    """Whether the vectors of a frame's cell are left-handed."""
    return int(atoms.cell.handedness) < 0


@lru_cache(maxsize=256)
def energy_alone(weights: str, number: int) -> float:
    """Return the energy of an atom that is out of reach of all others, eV.

    The network has no graph without an edge, so a far pair stands beside it, which its energy does not see.
    """
    from ase import Atoms

    atoms = Atoms([number, number, number], [[0, 0, 0], [15, 15, 15], [15, 15, 17]], cell=[30, 30, 30], pbc=True)
    return float(predict(weights, atoms, task="e", return_site_energies=True)["site_energies"].ravel()[0])


@lru_cache(maxsize=4)
def _converter(weights: str) -> Any:
    """Return what makes graphs of frames; the network's own belongs to the calculator that labels, and refuses atoms alone."""
    converter = copy.copy(load(weights).graph_converter)
    converter.set_isolated_atom_response("ignore")
    return converter


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the greetings and warnings of a package that loads weights off the screen."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
