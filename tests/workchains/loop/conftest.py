"""Work chains of the loop that have not started, in whose context finished children are put in place of running ones."""

import copy

import pytest
from aiida.manage import get_manager
from aiida.orm import Dict, Int
from records import begun

from workchains.data.frames import FramesData
from workchains.loop.active_learning import ActiveLearningWorkChain
from workchains.loop.given import GivenDataWorkChain
from workchains.loop.iteration import IterationWorkChain

STAGE = {"name": "melt", "sampler": {"name": "rattle"}, "structures": ["cell"], "iterations": 2}
CAMPAIGN = {
    "name": "small",
    "species": ["Cu"],
    "structures": {"cell": {"prototype": "zno-wurtzite"}},
    "stages": [{**STAGE, "convergence": {"accurate_share": 0.9}}, {**STAGE, "name": "again"}],
    "label": {"calculator": {"name": "emt"}},
}


def settings(changes):
    return Dict({**copy.deepcopy(CAMPAIGN), **changes})


def set_up(cls, inputs):
    """Return a work chain that has not started, set up."""
    process = cls(runner=get_manager().get_runner(), inputs=inputs)
    process.setup()
    return process


@pytest.fixture
def iterating(alworkflows_code, make_frames, monkeypatch):
    """Return a function that makes an iteration of a campaign, set up; ``changes`` are of the campaign's settings."""

    def _iterating(number=1, stage="melt", stage_iteration=None, changes=None, parent=None, **inputs):
        given = {
            "code": alworkflows_code,
            "campaign": settings(changes or {}),
            "stage": Dict({"name": stage, "iteration": number, "stage_iteration": stage_iteration or number}),
            "structures": FramesData.from_frames(make_frames(1)),
            "seed": Int(1),
            "metadata": {"call_link_label": f"iteration_{number:02d}"},
            **inputs,
        }
        caller = parent or begun("parent")
        monkeypatch.setattr(IterationWorkChain, "get_parent_calc", lambda _: caller)
        return set_up(IterationWorkChain, given)

    return _iterating


@pytest.fixture
def starting(alworkflows_code):
    """Return a function that makes a campaign of zinc oxide, set up."""

    def _starting(inputs=None, **changes):
        given = {"code": alworkflows_code, "campaign": settings({"species": ["Zn", "O"], **changes}), **(inputs or {})}
        return set_up(ActiveLearningWorkChain, given)

    return _starting


@pytest.fixture
def giving(alworkflows_code):
    """Return a function that makes what a campaign does with given frames, set up; ``uses``: of each source by its key."""

    def _giving(sources, uses, **changes):
        inputs = {"code": alworkflows_code, "campaign": settings(changes), "seed": Int(1), "sources": sources, "uses": Dict(uses)}
        return set_up(GivenDataWorkChain, inputs)

    return _giving


@pytest.fixture
def submitted(monkeypatch):
    """Let children be gathered in place of being submitted, once their inputs are valid: key, class and inputs of each."""
    from aiida.orm import WorkChainNode
    from records import store

    from workchains.processes.keyed import KeyedWorkChain

    made = []

    def submit_once(self, key, process, label="", again=False, **inputs):
        ports = process.spec().inputs
        error = ports.validate(ports.pre_process(dict(inputs)))
        assert error is None, str(error)
        made.append((key, process, {**inputs, "again": True} if again else inputs))
        given = {"stage": inputs["stage"]} if "stage" in inputs else {}
        return store(WorkChainNode, process.__name__, caller=self.node, key=key, inputs=given, state="waiting")

    monkeypatch.setattr(KeyedWorkChain, "submit_once", submit_once)
    return made
