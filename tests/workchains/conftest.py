"""Fixtures: a temporary profile (SQLite, no broker), frames, a code, and a finished campaign made by hand."""

import datetime as dt
import itertools

import numpy as np
import pytest
from aiida.tools.pytest_fixtures import *  # noqa: F403
from ase.build import bulk
from pieces import computer, noted, small_ensemble
from records import begun, iteration, returned, set_times, store

from alworkflows.frames import attach_labels
from workchains.loop.products import PRODUCTS

COUNTER = itertools.count()
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
    """Return a code that stands for the executable, as setup would have made it; it runs nothing."""
    code = aiida_code_installed(filepath_executable="/bin/true", label="alworkflows")
    code.base.extras.set("alworkflows_program", "alworkflows")
    return code


@pytest.fixture
def store_process(aiida_profile):
    """Return :func:`store`."""
    return store


@pytest.fixture(scope="module")
def finished(aiida_profile, make_frames):
    """Return a finished :class:`HandMade` campaign that all tests of a module share: to be read, not changed."""
    aiida_profile.reset_storage()
    made = HandMade(make_frames, first=10)
    made.finish()
    return made


@pytest.fixture
def campaign(aiida_profile, make_frames):
    """Return a :class:`HandMade` campaign that runs, with frames that no other has."""
    return HandMade(make_frames, first=100 + 10 * next(COUNTER))


@pytest.fixture
def bare(aiida_profile, make_frames):
    """Return a function that makes a campaign that has no step yet, made faster than one by :class:`HandMade`."""

    def _bare(name="bare", state="running", **inputs):
        return begun(name, state, **inputs)

    return _bare


class HandMade:
    """A campaign of two iterations; ``node`` is the work chain, ``nodes`` all else by name, times in seconds after ``start``.

    Iteration 1 (10 to 56): 6 candidates, 3 chosen of which 1 label failed, 1 to test on. Iteration 2 (60 to 106): 3 candidates,
    judged by the ensemble, 1 chosen, 1 to test on. ``nodes["iteration", 1]`` is the first, whose steps are its children.
    """

    def __init__(self, make_frames, first):
        from aiida import orm

        from workchains.data.frames import FramesData

        self.orm, self.frames_type, self.first = orm, FramesData, first
        self.start = dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC)
        self.nodes = {}
        self.node = begun("hand-made")
        base = make_frames(1, structure="copper")
        base[0].info["origin"] = {"structure": "copper"}
        self.structures = FramesData.from_frames(base)
        built = {"settings": orm.Dict({"structures": {"copper": {"prototype": "fcc-copper", "supercell": [1, 1, 1]}}})}
        self.child(orm.CalcFunctionNode, "build_structures", "structures", 1, 2, built, {"result": self.structures})
        self.pool = make_frames(6, first=first)
        self.labelled = make_frames(6, first=first, labelled=True)
        self.iteration(1, "melt", 10)
        self.iteration(2, "surface", 60, window=[0.1, 1.0])
        errors = [{"all": ERRORS}, {"all": {**ERRORS, "force_rmse": 0.2}}]
        returned(self.node, evaluation=orm.Dict({"groups": ["melt"], "errors": errors}))

    def time(self, seconds):
        return self.start + seconds * SECOND

    def child(self, cls, label, key, begin, end, inputs, outputs, caller=None, name="", **options):
        node = store(
            cls,
            label,
            caller=caller or self.node,
            key=key,
            inputs=inputs,
            outputs=outputs,
            **options,
        )
        node.label = name
        set_times(node, self.time(begin), self.time(end))
        for data in outputs.values():
            set_times(data, self.time(end), self.time(end))
        return node

    def job(self, label, key, begin, end, inputs, outputs, caller=None, seconds=5.0, report=None, **options):
        """Store a job made at ``begin``, whose folder was there 2 s later, whose files were fetched 1 s before ``end``."""
        orm = self.orm
        remote = orm.RemoteData(remote_path="/scratch", computer=computer())
        made = {**outputs, "remote_folder": remote, "retrieved": orm.FolderData()}
        if options.get("status", 0) == 0:
            made["report"] = orm.Dict({"seconds": seconds, **(report or {})})
        node = self.child(orm.CalcJobNode, label, key, begin, end, inputs, made, caller, **options)
        set_times(made["remote_folder"], self.time(begin + 2), self.time(begin + 2))
        set_times(made["retrieved"], self.time(end - 1), self.time(end - 1))
        return node

    def chain(self, label, key, begin, end, given=None, **options):
        return self.child(self.orm.WorkChainNode, label, key, begin, end, given or {}, {}, **options)

    def begin(self, number, stage="surface", stage_iteration=1, state="running", inputs=None, **options):
        """Store an iteration that has no step yet."""
        node = iteration(self.node, number, stage, stage_iteration, state, inputs, **options)
        self.nodes["iteration", number] = node
        return node

    def hand_over(self, number, **outputs):
        """Let an iteration hand over what it made, and the campaign what it keeps of that."""
        returned(self.nodes["iteration", number], **outputs)
        kept = {PRODUCTS[name]: data for name, data in outputs.items() if name in PRODUCTS}
        returned(self.node, **{f"{namespace}__iteration_{number:02d}": data for namespace, data in kept.items()})

    def iteration(self, number, stage, at, window=None):
        """Store an iteration that takes 46 s from ``at``: sample, describe, select, label (one fails), train."""
        orm, nodes = self.orm, self.nodes
        part = slice(0, 6) if number == 1 else slice(3, 6)
        candidates = self.frames_type.from_frames(self.pool[part])
        sampler = {"melt": "melt", "surface": "surface-melt"}[stage]
        given = {"sampler": orm.Dict({"name": sampler}), "names": orm.List(["copper"])}
        whole = self.begin(number, stage, state="finished")
        chain = self.chain("SampleWorkChain", "sample", at, at + 10, given, caller=whole)
        inputs = {"structures": self.structures, "sampler": orm.Dict({"name": stage}), "run": orm.Dict({})}
        if number > 1:
            inputs["ensemble"] = nodes["ensemble", 1]
        nodes["sample", number] = self.job("SampleJob", "sample_00", at, at + 10, inputs, {"candidates": candidates}, chain)
        returned(chain, candidates=candidates)
        deviation = orm.ArrayData()
        deviation.set_array("disagreement", np.full(6, np.nan) if number == 1 else np.array([0.5, 0.6, 0.7]))
        deviation.base.attributes.set("refused", [None] * len(candidates))
        inputs = {"candidates": candidates} | ({"ensemble": nodes["ensemble", 1]} if number > 1 else {})
        self.job("DescribeJob", "describe", at + 10, at + 18, inputs, {"deviation": deviation}, whole, seconds=1.0)
        self.hand_over(number, candidates=candidates, deviation=deviation)
        self.select(number, at + 18, candidates, window)
        self.label(number, at + 20)
        self.train(number, at + 30)
        set_times(whole, self.time(at), self.time(at + 46))

    def select(self, number, at, candidates, window):
        orm, nodes = self.orm, self.nodes
        chosen = self.pool[:4] if number == 1 else self.pool[4:]
        for atoms in chosen:
            use = "test" if atoms is chosen[-1] else "train"
            note = {"reason": "farthest from all before", "level": "candidate", "window": window, "use": use}
            atoms.info["origin"]["chosen"] = note
        nodes["chosen", number] = noted(chosen, ["train"] * (len(chosen) - 1) + ["test"])
        counts = {"accurate": 0, "candidate": len(candidates), "failed": 0, "refused": 0, "known": 0}
        summary = {"counts": counts, "window": window, "strategy": "diverse", "accurate_share": None if window is None else 0.0}
        selection = orm.Dict({**summary, "chosen": len(chosen) - 1, "test": 1})
        outputs = {"chosen": nodes["chosen", number], "selection": selection}
        inputs = {"candidates": candidates, "seed": orm.Int(11), "settings": orm.Dict({})}
        self.child(orm.CalcFunctionNode, "select_frames", "select", at, at + 2, inputs, outputs, nodes["iteration", number])
        self.hand_over(number, **outputs)

    def label(self, number, at):
        orm, nodes, key = self.orm, self.nodes, f"iteration_{number:02d}"
        engine, frames, own = (
            {"engine": {"engine": "ase", "calculator": "emt"}},
            nodes["chosen", number],
            nodes["iteration", number],
        )
        train, tests = (self.labelled[:2], self.labelled[3:4]) if number == 1 else (self.labelled[4:5], self.labelled[5:])
        failed = [{"id": frames.ids[2], "index": 2, "kind": "force", "reason": "force 123.4 eV/A"}] if number == 1 else []
        whole = self.frames_type.from_frames([*train, *tests], engine)
        chain = self.chain("LabelWorkChain", "label", at, at + 10, {"frames": frames}, name=f"{key}: label", caller=own)
        report = {"failures": failed}
        job = self.job("LabelJob", "label_000", at, at + 10, {"frames": frames}, {"labelled": whole}, chain, report=report)
        nodes["label", number] = job
        returned(chain, batch=whole)
        told = self.tell(frames, whole, failed, chain, at + 10)
        nodes["batch", number], nodes["tests", number] = (self.frames_type.from_frames(part, engine) for part in (train, tests))
        made = {"train": nodes["batch", number], "test": nodes["tests", number]}
        inputs = {"chosen": frames, "part_000": whole}
        self.child(orm.CalcFunctionNode, "divide_labels", "divide", at + 10, at + 10, inputs, made, own)
        self.hand_over(number, batch=made["train"], test_batch=made["test"], failures=told)

    def tell(self, frames, batch, failed, chain, at):
        """Store what a labelling step says at its end of the frames without a label."""
        orm = self.orm
        attempts = [{**item, "job": "label_000", "remedy": None} for item in failed]
        told = [{**item, "attempts": [{k: v for k, v in try_.items() if k not in ("id", "index")}]}
                for item, try_ in zip(failed, attempts, strict=True)]  # fmt: skip
        kinds = {item["kind"]: 1 for item in failed}
        summary = {"total": len(frames), "failed": len(failed), "reused": 0, "recovered": 0, "kinds": kinds, "failures": told}
        result = orm.Dict(summary)
        inputs = {"frames": frames, "log": orm.Dict({"attempts": attempts}), "label_000": batch}
        self.child(orm.CalcFunctionNode, "tell_failures", "failures", at, at, inputs, {"result": result}, chain)
        returned(chain, failures=result)
        return result

    def train(self, number, at):
        nodes = self.nodes
        nodes["ensemble", number] = ensemble = small_ensemble()
        chain = self.chain("TrainWorkChain", "train", at, at + 16, caller=nodes["iteration", number])
        inputs = {f"batches__batch_iteration_{n:02d}": nodes["batch", n] for n in range(1, number + 1)}
        inputs |= {f"tests__test_iteration_{n:02d}": nodes["tests", n] for n in range(1, number + 1)}
        report = {
            "fit": {
                "held_out_rmse": 0.35,
                "terms": [10, 12],
                "groups": [{"class": "linear", "members": 2, "alpha": 0.1, "terms": [10, 12], "path": PATH}],
                **({"outliers": outliers(nodes["batch", 1].ids[0], nodes["tests", 1].ids[0])} if number == 2 else {}),
            },
            "test": {**ERRORS, "force_rmse": 0.4},
            "training_frames": number + 1,
            "test_frames": number,
        }
        job = self.job("FitJob", "fit", at, at + 16, inputs, {"ensemble": ensemble}, chain, seconds=10.0, report=report)
        nodes["fit", number] = job
        made = {"ensemble": ensemble, "report": job.outputs.report}
        returned(chain, **made)
        self.hand_over(number, **made)
        if number == 2:
            returned(self.node, ensemble=ensemble)

    def finish(self, status=0, message=None):
        """Let the campaign end at second 110."""
        self.node.set_exit_status(status)
        if message:
            self.node.set_exit_message(message)
        self.node.set_process_state("finished")
        set_times(self.node, self.start, self.time(500))  # touched by a user, long after
        return self.node


def outliers(trained, tested):
    """What a fit says of a training frame and a test frame whose labels are off."""
    off = {"what": "forces", "amount": 1.2, "alike": 0.08, "beyond": 15.0}
    common = {"formula": "Cu4", "atoms": 4, "held_out": True, "alone": 1.0, "nearest": 16 * "a", "index": 0}
    energy = {"what": "energy", "amount": 0.25, "alike": 0.002, "beyond": 40.0}
    return {
        "looked_at": 30,
        "tests_looked_at": 12,
        "rules": ["drop"],
        "fitted": ["energy", "forces"],
        "count": 1,
        "frames": [{"id": trained, "file": "batch_iteration_01", **common, "off": [off], "weight": 0.0}],
        "tests": [{"id": tested, "file": "test_iteration_01", **common, "off": [energy]}],
        "alone": [],
        "broken": False,
        "refits": 1,
        "fit_without": None,
        "skipped": None,
    }


PATH = [{"alpha": 0.2, "terms": [4, 6], "errors": {"train": 0.5}}, {"alpha": 0.1, "terms": [10, 12], "errors": {"train": 0.3}}]
ERRORS = {"force_rmse": 0.3, "force_std": 2.0}
