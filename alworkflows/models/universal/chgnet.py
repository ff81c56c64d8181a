"""CHGNet's weights and graphs, for whoever calculates with it. Nothing is imported before it is asked for."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from alworkflows.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

__all__ = ["EXTRA", "PACKAGE", "PARAMETERS", "check_installed", "load", "predict", "quiet"]

PACKAGE, EXTRA = "chgnet", "universal"
#: names of the weights in the wheel, and how many numbers each has
PARAMETERS = {"0.3.0": 412_525, "0.2.0": 400_438, "r2scan": 412_525}


def check_installed(what: str = "CHGNet") -> None:
    """Raise :class:`.errors.MissingExtraError` if the package is not installed."""
    if find_spec(PACKAGE) is None:
        raise MissingExtraError(what, PACKAGE, EXTRA)


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
    return outputs


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
