"""A made-up campaign with the numbers of a plausible one, so that the page can be drawn and tested without AiiDA."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from ase.build import bulk
from judged import frame_errors

from alworkflows.descriptors import build
from alworkflows.insight import Insight, look_into
from alworkflows.models import Ensemble, LinearModel
from alworkflows.selection.window import TestBatch, find_window
from alworkflows.settings import PlipSettings, TrustLevels
from workchains import provenance
from workchains.provenance import Cost, LabelCosts
from workchains.report.data import Evaluation, Failure, FrameMap, Iteration, Job, Report, Term, Terms
from workchains.report.labelling import Costs, Labelling, LabelRow
from workchains.report.trust import Trust

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
STAGES = ("melt", "surface", "quench")
WAIT = timedelta(seconds=2)


def evaluation(rng: np.random.Generator, per_stage: int = 12, atoms: int = 48) -> Evaluation:
    stds, finals = (2.6, 1.9, 1.5), (0.20, 0.16, 0.12)
    reference, predicted, largest, disagreement = [], [], [], []
    for std, final in zip(stds, finals, strict=True):
        for _ in range(per_stage):
            scale = np.exp(rng.normal(0, 0.4))
            truth = rng.normal(0, std, (atoms, 3))
            error = rng.normal(0, final * scale, (atoms, 3))
            reference.append(truth)
            predicted.append(truth + error)
            largest.append(np.linalg.norm(error, axis=1).max())
            disagreement.append(final * scale * 0.6 * np.exp(rng.normal(0, 0.25)))
    names = (*STAGES, "all")
    truths = dict(zip(names, (*stds, 2.05), strict=True))
    last = dict(zip(names, (*finals, 0.165), strict=True))
    steps = (4.0, 2.6, 1.7, 1.25, 1.0)
    errors = {number: {name: last[name] * step for name in names} for number, step in enumerate(steps, 1)}
    count = 3 * per_stage
    return Evaluation(
        STAGES, errors, truths, np.concatenate(reference), np.concatenate(predicted), np.full(count, atoms),
        np.repeat(np.arange(3), per_stage), np.array(largest), np.array(disagreement),
    )  # fmt: skip


def iterations() -> tuple[Iteration, ...]:
    rows, trained = [], 0
    for number, (stage, chosen, tests) in enumerate(
        [("melt", 40, 12), ("surface", 24, 8), ("surface", 18, 6), ("quench", 20, 6), ("quench", 12, 4)], 1
    ):
        trained += chosen
        first = number == 1
        counts = {
            "accurate": 0 if first else 20 * number,
            "candidate": 120 if first else 60,
            "failed": 0 if first else 9,
            "refused": 3,
            "chosen": chosen,
            "test": tests,
        }
        rows.append(
            Iteration(
                number,
                stage,
                "done",
                {"melt": "melt", "surface": "surface-melt", "quench": "quench"}[stage],
                120 + number,
                counts,
                None if first else (0.12 / number**0.5, 1.4 / number**0.5),
                None if first else 0.2 * number,
                chosen,
                tests,
                1 if number == 3 else 0,
                trained,
                12 + 6 * (number - 1),
                0.8 / number,
                2.1,
                60.4,
                44.0 + number,
                {"candidates": 100 + number, "batch": 200 + number},
            )
        )
    return tuple(rows)


def jobs() -> tuple[Job, ...]:
    timeline, clock, pk = [], START + timedelta(seconds=4), 1000
    for number in range(1, 6):
        for step, count, seconds in (("sample", 4, 9.0), ("describe", 1, 2.5), ("label", 2, 14.0), ("fit", 1, 6.0)):
            for index in range(count):
                pk += 1
                begin = clock + timedelta(seconds=0.4 * index)
                end = begin + timedelta(seconds=seconds + index)
                timeline.append(Job(pk, step, f"{step} {index}", begin, end, "finished", number, begin - WAIT, end + 0.5 * WAIT))
            clock += timedelta(seconds=seconds + count + 1.5)
    timeline.append(Job(pk + 1, "evaluate", "judge 5 ensembles", clock, clock + timedelta(seconds=5), "finished", None))
    return tuple(timeline)


def labelling(rng: np.random.Generator) -> Labelling:
    rows = []
    for row in iterations():
        total = (row.batch or 0) + (row.tests or 0)
        failed, reused = row.failed_labels or 0, 3 if row.number > 2 else 0
        rows.append(LabelRow(row.number, row.stage, total + failed, total - reused, reused, 1 if row.number == 2 else 0, failed))
    stage = np.repeat([0, 1, 2], [52, 56, 42])
    atoms = np.array([32, 48, 64])[stage]
    costs = Costs(atoms**1.5 / 300 * rng.lognormal(0, 0.15, len(stage)), np.full(len(stage), 2.0), atoms, stage)
    return Labelling(tuple(rows), {"unconverged": 1}, {"unconverged": "the self-consistent field did not converge"}, costs, 4)


def outliers() -> dict[str, Any]:
    """Two training frames that others contradict, one of them left out, one that is like no others, and a test frame."""
    forces = {"what": "forces", "amount": 1.2, "alike": 0.08, "beyond": 15.0}
    energy = {"what": "energy", "amount": 0.25, "alike": 0.002, "beyond": 40.0}

    def frame(number: int, *off: dict[str, Any], **more: Any) -> dict[str, Any]:
        place = {"id": f"{number:016x}", "formula": "O8Zn8", "file": f"batch_iteration_0{number}", "index": number}
        return {**place, "atoms": 16, "off": list(off), "held_out": True, "alone": 1.0, "nearest": 16 * "f", **more}

    frames = [frame(1, forces, energy, weight=0.0), frame(2, energy, weight=0.04)]
    lists = {"frames": frames, "alone": [frame(3, energy)], "tests": [frame(4, forces)]}
    counts = {"looked_at": 114, "tests_looked_at": 36, "count": 2, "refits": 2, "rules": ["drop"], "fitted": ["energy", "forces"]}
    return {**counts, **lists, "broken": False, "fit_without": 0.1, "skipped": None}


def frame_map(rng: np.random.Generator) -> FrameMap:
    stage = np.repeat([0, 1, 2], 120)
    points = rng.normal(0, 0.35, (360, 2)) + np.array([[-1, 0], [0.6, 0.9], [0.8, -0.8]])[stage]
    use = rng.choice(["candidate", "chosen", "test"], 360, p=[0.75, 0.17, 0.08])
    return FrameMap(points, (0.52, 0.21), STAGES, stage, use)


def terms(rng: np.random.Generator) -> Terms:
    chosen = tuple(
        Term(f"Zn-O term {index}", "23N"[index % 3], int(rng.integers(1, 6)), float(0.3 * 0.93**index)) for index in range(110)
    )
    return Terms(tuple({"2": 20 + i, "3": 33 - i, "N": 5} for i in range(5)), {"2": 108, "3": 1296, "N": 144}, chosen)


def costs() -> provenance.Costs:
    """Of four iterations whose labels take most, and a judgement at the end."""
    steps = {"sample": 0.2, "describe": 0.05, "label": 1.5, "fit": 0.3}
    rows = {str(n): {name: Cost(2, 0, 3600 * hours, n * hours) for name, hours in steps.items()} for n in range(1, 5)}
    rows["whole campaign"] = {"evaluate": Cost(1, 0, 60.0, 0.1)}
    sums = {name: sum((row[name] for row in rows.values() if name in row), Cost()) for name in (*steps, "evaluate")}
    labels = LabelCosts(40, 12, 1, 44, sums["label"].core_hours, 0.7, 0.3, 0.4, 3.6)
    return provenance.Costs(sum(sums.values(), Cost()), sums, rows, {}, {"chgnet": sums["label"]}, labels)


def trust() -> tuple[Trust, ...]:
    """Levels of every iteration but the first, each calibrated on nine test frames of each iteration before it."""
    rng, stages, batches, windows = np.random.default_rng(3), [row.stage for row in iterations()], [], []
    for number, stage in enumerate(stages[:-1], 1):
        seen = np.exp(rng.normal(-3.0, 0.5, 9))
        errors = 8.0 * seen * np.exp(rng.normal(0.0, 0.2, 9))
        batches.append(TestBatch(stage, frame_errors(seen, errors, largest_force=6.0, atoms=40)))
        window = find_window(TrustLevels(), 0.05, batches, stages[number])
        windows.append(Trust(number=number + 1, stage=stages[number], **window.as_dict()))
    return tuple(windows)


def insight() -> Insight:
    """Of two random models of few terms."""
    settings = PlipSettings.gaussians((1.5, 2.5, 3.5), (1.0,), l=(1,), m=(2,), cutoff=4.5)
    size = build(settings, ("Zn", "O")).size
    weights = np.random.default_rng(1).normal(size=(2, size))
    atoms = bulk("ZnO", "zincblende", a=4.6).repeat(2)
    atoms.rattle(0.1, seed=1)
    return look_into(Ensemble([LinearModel(settings, ("Zn", "O"), row, np.zeros(2)) for row in weights]), [atoms])


def report(seed: int = 7) -> Report:
    rng = np.random.default_rng(seed)
    done = jobs()
    return Report(
        name="zno-quick",
        pk=123,
        uuid="0e5e2f7c-5a7f-4a0e-9f83-35f39b0f9d8e",
        description="Zinc oxide: bulk melt, surface melt, quench",
        state="finished",
        ending="All 3 stages done.",
        started=START,
        ended=max(job.end for job in done if job.end) + timedelta(seconds=3),
        versions={"alworkflows": "0.2.0", "aiida-core": "2.9.4"},
        engine="chgnet 0.4.2",
        stages=STAGES,
        iterations=iterations(),
        settings="name: zno-quick\nseed: 1\nspecies: [Zn, O]\n",
        evaluation=evaluation(rng),
        frame_map=frame_map(rng),
        terms=terms(rng),
        insight=insight(),
        path=([{"alpha": 0.5**k, "terms": 2 * k, "train": 1 / k, "held-out": 1 / k + 0.01 * k} for k in range(1, 12)], 8),
        jobs=done,
        idle={"functions": 6.0, "fetching": 11.0, "submitting": 4.0, "engine": 3.0, "start": 4.0},
        failures=(Failure(3, "label", "largest force … eV/A is above … eV/A", 1), Failure(2, "geometry", "atoms fused", 3)),
        labelling=labelling(np.random.default_rng(seed + 1)),
        outliers=outliers(),
        costs=costs(),
        trust=trust(),
        nodes={"structures": 130, "ensemble": 512, "evaluation": 530},
    )


def running(seed: int = 7) -> Report:
    """The same campaign in its third iteration: not judged, and labelling."""
    whole = report(seed)
    third = whole.iterations[2]
    current = Iteration(3, "surface", "labelling", "surface-melt", 123, dict(third.counts), third.window, 0.6)
    done = tuple(
        replace(job, end=None, gone=None, state="running") if job.iteration == 3 and job.step == "label" else job
        for job in whole.jobs
        if job.iteration in (1, 2) or (job.iteration == 3 and job.step in ("sample", "describe", "label"))
    )
    return replace(
        whole,
        state="running",
        ending="Iteration 3 (surface) is labelling.",
        ended=max(job.start for job in done) + timedelta(seconds=5),
        iterations=(*whole.iterations[:2], current),
        evaluation=None,
        terms=None,
        insight=None,
        path=None,
        jobs=done,
        missing={"evaluation": "The ensembles are judged when the last stage is done."},
    )


def empty() -> Report:
    """A campaign that died before it made anything."""
    return replace(
        report(),
        state="stopped",
        ending="ERROR_STRUCTURES_REFUSED (201): the starting structures cannot be used",
        iterations=(),
        evaluation=None,
        frame_map=None,
        terms=None,
        insight=None,
        path=None,
        jobs=(),
        idle=None,
        failures=(),
        labelling=None,
        outliers=None,
        costs=None,
        trust=(),
        nodes={},
        ended=START + timedelta(seconds=1),
    )
