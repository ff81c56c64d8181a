"""A campaign of 101 iterations: what is ordered by number, and not by text, and what that costs."""

import json

import commands
import pytest
from aiida import orm
from pieces import copper, small_ensemble
from records import begun, iteration, returned, store

from workchains import provenance
from workchains.calculations.evaluate_job import EvaluateJob
from workchains.calculations.fit_job import FitJob
from workchains.cli.export import export
from workchains.cli.status import status
from workchains.machines import session
from workchains.processes.naming import in_order, numbered

COUNT = 101
EMT = {"name": "emt"}


def name(number):
    return numbered("iteration", number)


def made(count):
    """Return a finished campaign of so many iterations; each ensemble has a final error of its own."""
    node, ensembles = begun("long", state="finished"), {}
    node.set_exit_status(0)
    errors = []
    for number in range(1, count + 1):
        own = iteration(node, number, "melt" if number == 1 else "surface", max(1, number - 1), state="finished", status=0)
        ensembles[number] = small_ensemble()
        report = orm.Dict({"training_frames": number, "fit": {"held_out_rmse": 0.5}})
        job = store(orm.CalcJobNode, "FitJob", caller=own, key="fit", outputs={"ensemble": ensembles[number], "report": report})
        returned(own, ensemble=ensembles[number], report=job.outputs.report)
        returned(node, **{f"ensembles__{name(number)}": ensembles[number]})
        errors.append({"all": {"force_rmse": error_of(number), "force_std": 2.0}})
    inputs = {f"ensembles__{name(number)}": ensemble for number, ensemble in ensembles.items()}
    report = orm.Dict({"groups": ["melt"], "errors": errors})
    store(orm.CalcJobNode, "EvaluateJob", caller=node, key="evaluate", inputs=inputs, outputs={"report": report})
    returned(node, evaluation=report, ensemble=ensembles[count])
    node.ensembles = ensembles
    return node


@pytest.fixture(scope="module")
def many(aiida_profile):
    """Return a finished campaign of 101 iterations."""
    aiida_profile.reset_storage()
    return made(COUNT)


def error_of(number):
    return round((COUNT + 1 - number) / 100, 2)


@pytest.fixture
def typed(many, monkeypatch):
    """Return a function that types a command, and gives what it printed."""
    monkeypatch.setattr(session, "activate", lambda profile=None: None)
    return commands.typed


def test_names_are_in_the_order_of_their_numbers():
    names = [name(number) for number in (9, 10, 99, 100, 101)]
    assert in_order(reversed(names)) == names
    assert sorted(names) != names
    mixed = ["given_00_00", "given_00_01", "given_01_00", "iteration_02", "iteration_10", "iteration_100", "late_01", "late_100"]
    assert in_order(reversed(mixed)) == mixed
    assert in_order(["a1b10", "10", "7", "a1b9"]) == ["7", "10", "a1b9", "a1b10"]
    assert in_order([]) == []


def test_iterations_are_told_in_order_each_with_its_own_final_error(many):
    records = provenance.iterations(many)
    assert [record.number for record in records] == list(range(1, COUNT + 1))
    assert [record.key for record in records[98:]] == ["iteration_99", "iteration_100", "iteration_101"]
    assert [record.final_error for record in records] == [error_of(record.number) for record in records]
    assert [record.training_frames for record in records] == [record.number for record in records]


def test_the_last_ensemble_is_exported(many, typed, tmp_path):
    typed(export, many.pk, "-o", tmp_path / "last")
    known = json.loads((tmp_path / "last" / "provenance.json").read_text())
    assert known["ensemble"]["pk"] == many.ensembles[COUNT].pk
    assert known["final_errors"]["all"]["force_rmse"] == error_of(COUNT)
    typed(export, many.pk, "-o", tmp_path / "other", "--iteration", 99)
    known = json.loads((tmp_path / "other" / "provenance.json").read_text())
    assert known["ensemble"]["pk"] == many.ensembles[99].pk
    assert known["final_errors"]["all"]["force_rmse"] == error_of(99)


def test_status_shows_them_in_order(many, typed):
    rows = [line.split() for line in typed(status, many.pk).splitlines()]
    rows = [row for row in rows if len(row) > 3 and row[0].isdigit() and row[1] in ("melt", "surface")]
    assert [int(row[0]) for row in rows] == list(range(1, COUNT + 1))
    assert f"{error_of(COUNT):.3f}*" in rows[-1]
    output = json.loads(typed(status, many.pk, "--json"))
    assert [record["number"] for record in output["iterations"]] == list(range(1, COUNT + 1))
    assert "force error 0.010 eV/A" in output["sentence"]


def test_costs_are_told_in_order(many):
    assert list(provenance.costs(many).iterations) == [*map(str, range(1, COUNT + 1)), "whole campaign"]


def test_a_model_is_told_its_own_error(many):
    uses = {use.what: use for use in provenance.model_lineage(many.ensembles[100]).uses}
    assert uses["was judged"].facts["force_rmse_eV_per_A"] == error_of(100)
    lineage = provenance.model_lineage(many.ensembles[100])
    assert (lineage.iteration, lineage.stage, lineage.campaign) == ("iteration_100", "surface", many.pk)


def test_the_sources_of_a_judgement_are_told_in_order(many):
    report = next(child for child in many.called if child.process_label == "EvaluateJob").outputs.report
    assert [use.facts["as"] for use in provenance.figure_lineage(report).sources] == [name(n) for n in range(1, COUNT + 1)]


def test_a_record_of_many_iterations_takes_as_many_queries_as_one_of_few(many, monkeypatch):
    few, counted = made(3), []
    original = orm.QueryBuilder.iterall
    monkeypatch.setattr(orm.QueryBuilder, "iterall", lambda self, **given: counted.append(1) or original(self, **given))

    def queries(node):
        counted.clear()
        provenance.iterations(node)
        return len(counted)

    assert queries(many) == queries(few)


@pytest.fixture
def job():
    """Return a function that gives what a job writes for the executable, from its inputs."""

    def _job(cls, **inputs):
        spec, files = cls.job(inputs)
        return spec.model_dump(mode="json"), files

    return _job


KEYS = [name(number) for number in (100, 99, 101, 9)]


def test_ensembles_and_test_frames_are_judged_in_order(job):
    tests = {f"test_{key}": copper(1, EMT, first=number) for number, key in enumerate(KEYS)}
    ensembles = {key: small_ensemble() for key in KEYS}
    groups = orm.Dict({**dict.fromkeys(tests, "surface"), "test_iteration_09": "melt"})
    values, files = job(EvaluateJob, ensembles=ensembles, tests=tests, groups=groups)
    assert values["ensembles"] == [f"ensemble_{key}.npz" for key in in_order(KEYS)]
    assert values["tests"] == {
        "melt": ["test_iteration_09.npz"],
        "surface": [f"test_iteration_{number}.npz" for number in (99, 100, 101)],
    }
    assert all(files[f"ensemble_{key}.npz"].uuid == ensembles[key].uuid for key in KEYS)


def test_batches_are_fitted_in_order(job):
    """A fit that has one batch more begins with what the one before had: what was worked out for that is used again."""
    batches = {f"batch_{key}": copper(1, EMT, first=number) for number, key in enumerate(KEYS)}
    transfers = {f"transfer_{key}": node for key, node in zip(KEYS, batches.values(), strict=True)}
    groups = orm.Dict(dict.fromkeys(transfers, "janus"))
    values, files = job(
        FitJob,
        batches=batches,
        transfers=transfers,
        groups=groups,
        settings=orm.Dict({"model": {}, "species": ["Cu"], "seed": 1}),
    )
    assert values["batches"] == [f"batch_{key}.npz" for key in in_order(KEYS)]
    assert values["transfers"] == {"janus": [f"transfer_{key}.npz" for key in in_order(KEYS)]}
    assert files["batch_iteration_99.npz"].uuid == batches["batch_iteration_99"].uuid
