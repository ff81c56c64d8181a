"""Small things that tests of the AiiDA layer are made of."""

import tempfile
from pathlib import Path

import numpy as np

__all__ = ["assert_ends", "chosen", "computer", "copper", "deviation", "noted", "small_ensemble", "tiny_model"]


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


def copper(count=2, engine=None, first=0):
    """Return a node of rattled copper frames, with labels if what made them is told."""
    from ase.build import bulk

    from alworkflows.frames import attach_labels
    from workchains.data.frames import FramesData

    made = []
    for index in range(first, first + count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=index)
        made.append(attach_labels(atoms, -1.0, np.zeros((4, 3))) if engine else atoms)
    return FramesData.from_frames(made, {"engine": engine} if engine else None).store()


def chosen(train=0, test=0, first=0):
    """Return a node of copper frames as they are chosen: to train on, then to test on."""
    return noted(copper(train + test, first=first).get_frames(), ["train"] * train + ["test"] * test).store()


def noted(frames, uses):
    """Return a node of frames that were chosen, not stored; ``uses``: what each is for."""
    from workchains.data.frames import FramesData

    node = FramesData.from_frames(frames)
    node.base.attributes.set("uses", uses)
    return node


def deviation(refused, disagreement=np.nan):
    """Return what a description of candidates found, not stored; ``refused``: of each the reason, or None."""
    from aiida.orm import ArrayData

    node = ArrayData()
    node.set_array("disagreement", np.full(len(refused), disagreement))
    node.set_array("fingerprints", np.arange(2.0 * len(refused)).reshape(-1, 2))
    node.base.attributes.set("refused", refused)
    return node


def small_ensemble():
    """Return an ensemble of two models for copper, not stored, that says how far its members disagree."""
    from workchains.data.ensemble import EnsembleData

    node = EnsembleData()
    node.base.repository.put_object_from_bytes(tiny_model(), EnsembleData.FILENAME)
    node.base.attributes.set_many({"members": 2, "terms": [10, 12], "reference_disagreement": 0.25, "species": ["Cu"]})
    return node


def assert_ends(process, status, *words):
    """Check the exit status that the results of a work chain come to, and words of its message."""
    code = process.results()
    assert code.status == status, code
    for some in words:
        assert some in code.message, code.message
