"""Small things that tests of the AiiDA layer are made of."""

import tempfile
from pathlib import Path

import numpy as np

__all__ = ["computer", "tiny_model"]


def tiny_model() -> bytes:
    """Return the file of an ensemble of two models for copper."""
    from alworkflows.models import Ensemble, LinearModel
    from alworkflows.settings import PlipSettings

    settings = PlipSettings.gaussians((2.0, 3.0), l=(), m=())
    members = [LinearModel(settings, ("Cu",), np.array([weight, -0.5]), np.zeros(1)) for weight in (1.0, 1.1)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ensemble.npz"
        Ensemble(members).save(path)
        return path.read_bytes()


def computer():
    """Return a computer, made on first use; no job runs on it."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        return orm.Computer.collection.get(label="nowhere")
    except NotExistent:
        options = {"transport_type": "core.local", "scheduler_type": "core.direct", "workdir": "/tmp"}
        return orm.Computer(label="nowhere", hostname="localhost", **options).store()
