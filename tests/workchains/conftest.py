"""Fixtures: a temporary profile (SQLite, no broker), frames, a code, and a finished campaign made by hand."""

import datetime as dt

import numpy as np
import pytest
from aiida.common import LinkType
from aiida.tools.pytest_fixtures import *  # noqa: F403
from ase.build import bulk

from alworkflows.frames import attach_labels

SECOND = dt.timedelta(seconds=1)


@pytest.fixture(scope="session")
def make_frames():
    """Return a function that makes distinct rattled copper frames: by number, the same each time."""

    def _make_frames(count=4, labelled=False, first=0, structure="copper", **origin):
        frames = []
        for index in range(first, first + count):
            atoms = bulk("Cu", cubic=True)
            atoms.rattle(0.05, seed=index)
            if labelled:
                forces = np.random.default_rng(index).normal(size=(len(atoms), 3))
                atoms = attach_labels(atoms, -3.5 * len(atoms) + index, forces, np.zeros(6))
            atoms.info["origin"] = {
                "structure": structure,
                "sampler": "melt",
                "seed": 7,
                "step": 10 * index,
                "temperature": 300.0,
                **origin,
            }
            frames.append(atoms)
        return frames

    return _make_frames


@pytest.fixture
def alworkflows_code(aiida_profile_clean, aiida_code_installed):
    """Return a code that stands for the executable; it runs nothing."""
    return aiida_code_installed(filepath_executable="/bin/true", label="alworkflows")


@pytest.fixture
def store_process(aiida_profile_clean, aiida_localhost):
    """Return a function that stores a process that ended as told, with inputs, outputs, caller and times."""
    from aiida import orm

    def _store(
        cls,
        label,
        *,
        caller=None,
        key=None,
        inputs=None,
        outputs=None,
        status=0,
        message=None,
        state="finished",
        times=None,
        **attributes,
    ):
        node = cls(computer=aiida_localhost) if cls is orm.CalcJobNode else cls()
        node.set_process_label(label)
        node.set_process_state(state)
        if state == "finished":
            node.set_exit_status(status)
        if message:
            node.set_exit_message(message)
        if cls is orm.CalcJobNode:
            node.set_option("resources", {"num_machines": 1})
        node.base.attributes.set_many(attributes)
        calculates = cls in (orm.CalcJobNode, orm.CalcFunctionNode)
        for name, data in (inputs or {}).items():
            node.base.links.add_incoming(data.store(), LinkType.INPUT_CALC if calculates else LinkType.INPUT_WORK, name)
        if caller is not None:
            node.base.links.add_incoming(caller, LinkType.CALL_CALC if calculates else LinkType.CALL_WORK, key)
        node.store()
        for name, data in (outputs or {}).items():
            data.base.links.add_incoming(node, LinkType.CREATE if calculates else LinkType.RETURN, name)
            data.store()
        if times is not None:
            set_times(node, *times)
        return node

    return _store


def set_times(node, created, modified):
    """Give a stored node times of the past."""
    model = node.backend_entity.model
    model.ctime = created
    model.mtime = modified  # last: each change of a node sets it
