"""The pool: its refits against those of ``Fit``, its scores against those of an ensemble, and the bookkeeping of labels."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.models import Ensemble, Fit, force_errors
from alworkflows.models.linear.model import LinearModel
from alworkflows.potentials import resolve
from alworkflows.retrospective.efficiency import Comparison, Curve, compare, labels_to_reach, name_of, rules, spend
from alworkflows.retrospective.pool import LabelledSet, PoolModel, Refitter
from alworkflows.selection import ActiveSet
from alworkflows.settings import Criterion, Diversity, FitSettings, LinearSettings, PlipSettings, SelectionSettings
from alworkflows.simulation.lammps import LammpsCalculator
from alworkflows.structures import crystal

SPECIES = ("Zn", "O")
SETTINGS = LinearSettings(
    descriptors=PlipSettings.gaussians((1.5, 2.0, 2.5, 3.5), cutoff=5.0, l=(1, 2), m=()),
    members=3,
    folds=6,
    fit=FitSettings(max_terms=20, force_scale=1.0),
)


def labelled_frames(count: int, seed: int) -> list[Atoms]:
    """Return labelled frames, some hot, most calm."""
    calculator, rng, labelled = LammpsCalculator(resolve("zno-binks-grimes")), np.random.default_rng(seed), []
    for number in range(count):
        atoms = crystal("zno-wurtzite" if number % 3 else "zno-hbn").repeat((2, 2, 1))
        atoms.positions += (0.2 if number % 5 == 0 else 0.05) * rng.normal(size=atoms.positions.shape)
        calculator.calculate(atoms)
        labelled.append(frames_io.attach_labels(atoms, calculator.results["energy"], calculator.results["forces"]))
    return labelled


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return labelled_frames(60, 1)


@pytest.fixture(scope="module")
def pool(frames: list[Atoms]) -> LabelledSet:
    return LabelledSet(frames, SETTINGS, SPECIES)


@pytest.fixture(scope="module")
def held() -> LabelledSet:
    return LabelledSet(labelled_frames(20, 2), SETTINGS, SPECIES)


def fitted(pool: LabelledSet, *batches: list[int], seed: int = 4) -> PoolModel:
    refitter = Refitter(pool, seed)
    for batch in batches:
        refitter.add(batch)
    return refitter.fit()


def ensemble_of(model: PoolModel) -> Ensemble:
    return Ensemble([LinearModel(SETTINGS.descriptors, SPECIES, weights, np.zeros(2)) for weights in model.weights])


@pytest.mark.parametrize("choice", [{}, {"terms": 8}, {"rule": "best"}])
def test_a_refit_is_the_fit_of_the_same_frames(frames: list[Atoms], choice: dict[str, object]) -> None:
    settings = SETTINGS.model_copy(update={"fit": FitSettings(max_terms=20, force_scale=1.0, **choice)})  # type: ignore[arg-type]
    model = fitted(LabelledSet(frames, settings, SPECIES), list(range(0, 20)), list(range(30, 50)))
    fit = Fit([*frames[:20], *frames[30:50]], settings, SPECIES, 4, cache=None).ensemble()
    np.testing.assert_allclose(model.weights, [member.weights for member in fit.members], rtol=1e-5, atol=1e-9)


def test_batches_make_no_difference(pool: LabelledSet) -> None:
    whole, parts = fitted(pool, list(range(40))), fitted(pool, list(range(13)), list(range(13, 40)))
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-6, atol=1e-9)


def test_errors_and_scores_are_those_of_the_ensemble(pool: LabelledSet, held: LabelledSet) -> None:
    model = fitted(pool, list(range(30)))
    ensemble = ensemble_of(model)
    errors, expected = model.errors(held), force_errors(ensemble, held.frames)["summary"]
    assert errors == pytest.approx({name: expected[name] for name in errors}, rel=1e-4)
    scores = model.scores(pool, range(30), grade=True)
    predictions = ensemble.predict(pool.frames)
    np.testing.assert_allclose(scores.disagreement, [each.deviation.max() for each in predictions], rtol=1e-3, atol=1e-6)
    assert scores.element_disagreement is not None
    np.testing.assert_allclose(scores.element_disagreement.max(axis=1), scores.disagreement)
    assert scores.grade is not None
    grades = ActiveSet.of_ensemble(ensemble, pool.frames[:30]).grades(pool.frames)
    np.testing.assert_allclose(scores.grade, grades, rtol=1e-6)
    assert scores.grade[:30].max() < 1.01


def test_errors_of_some_frames(pool: LabelledSet, held: LabelledSet) -> None:
    model, hot = fitted(pool, list(range(30))), list(range(0, 20, 5))
    expected = force_errors(ensemble_of(model), [held.frames[index] for index in hot])["summary"]["force_rmse"]
    assert model.errors(held, hot)["force_rmse"] == pytest.approx(expected, rel=1e-4)


def test_rows_may_lie_in_a_file_that_goes_with_the_set(frames: list[Atoms], tmp_path: Path) -> None:
    here = LabelledSet(frames[:5], SETTINGS, SPECIES, tmp_path)
    assert here.design.shape == (3 * sum(len(frame) for frame in frames[:5]), here.descriptors.size)
    del here
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("criterion", list(Criterion))
def test_labels_are_spent_batch_by_batch_and_none_twice(pool: LabelledSet, held: LabelledSet, criterion: Criterion) -> None:
    settings = SelectionSettings(criterion=criterion)
    curve = spend(pool, held, settings, 1, 15, 10, 42)
    assert curve.labels.tolist() == [15, 25, 35, 42]
    assert len(set(curve.chosen)) == len(curve.chosen) == 42
    assert all(len(errors) == 4 and (errors > 0).all() for errors in curve.errors.values())
    again = spend(pool, held, settings, 1, 15, 10, 42)
    assert again.chosen == curve.chosen
    assert spend(pool, held, settings, 2, 15, 10, 42).chosen != curve.chosen


def test_more_labels_make_smaller_errors(pool: LabelledSet, held: LabelledSet) -> None:
    curve = spend(pool, held, SelectionSettings(criterion=Criterion.RANDOM), 1, 12, 24, 60)
    assert curve.errors["force_rmse"][-1] < curve.errors["force_rmse"][0]


def curve(errors: list[float], labels: tuple[int, ...] = (10, 20, 30, 40)) -> Curve:
    values = np.array(errors)
    return Curve(np.array(labels), {"force_rmse": values, "force_q999": 10 * values}, np.zeros(len(values)), [])


def test_labels_to_reach_an_error_are_those_after_which_it_stays() -> None:
    steady, lucky, never, at_once = (curve(values) for values in ([4, 3, 2, 1], [4, 1, 4, 2], [4, 4, 3, 3], [2, 2, 1, 1]))
    assert labels_to_reach([steady, lucky, never, at_once], "force_rmse", 2.5) == [25, 37.5, None, 10]


def test_ratio_is_of_the_labels_with_which_the_control_first_gets_there() -> None:
    control = [curve([4, 3, 2, 1]), curve([4, 3, 2, 1]), curve([4, 3, 2, 1])]
    fast = [curve([2, 1, 1, 1]), curve([3, 2, 1, 1]), curve([9, 9, 9, 9])]
    slow = [curve([9, 9, 9, 9])] * 2 + [curve([1, 1, 1, 1])]
    comparison = Comparison({"random": control, "fast": fast, "slow": slow}, 30)
    assert comparison.targets == {"force_rmse": 2.0, "force_q999": 20.0}
    assert comparison.needed("fast", "force_rmse") == [10, 20, None]
    assert comparison.ratio("random", "force_q999") == 1.0
    assert comparison.ratio("fast", "force_q999") == 30 / 20
    assert comparison.ratio("slow", "force_q999") is None
    assert comparison.as_dict()["rules"]["fast"]["force_rmse_ratio"] == 1.5


def test_a_control_that_has_become_flat_counts_as_if_it_had_stopped() -> None:
    comparison = Comparison({"random": [curve([4, 2, 2.1, 2])], "fast": [curve([1, 1, 1, 1])]}, 40)
    assert comparison.control("force_rmse") == 20
    assert comparison.ratio("fast", "force_rmse") == 2.0


def test_the_control_is_always_there_and_once(pool: LabelledSet, held: LabelledSet) -> None:
    pairs = rules([Criterion.RANDOM, Criterion.DISTANCE], [Diversity.NONE, Diversity.CUR])
    assert [name_of(*pair) for pair in pairs] == ["random", "distance, none", "distance, cur"]
    comparison = compare(pool, held, pairs, SelectionSettings(), (1, 2), 15, 15, 30)
    assert {name: len(curves) for name, curves in comparison.curves.items()} == {name_of(*pair): 2 for pair in pairs}
    assert comparison.half == 30


@pytest.mark.parametrize(("start", "step", "most"), [(0, 5, 10), (5, 0, 10), (20, 5, 10), (5, 5, 61)])
def test_labels_that_do_not_add_up_are_refused(pool: LabelledSet, held: LabelledSet, start: int, step: int, most: int) -> None:
    with pytest.raises(InputError, match=f"pool of 60: .* got start {start}, step {step}, most {most}"):
        spend(pool, held, SelectionSettings(), 1, start, step, most)


def test_what_cannot_be_a_pool_is_refused(frames: list[Atoms]) -> None:
    with pytest.raises(InputError, match="expected each frame once, got 1 repeated"):
        LabelledSet([*frames[:3], frames[1]], SETTINGS, SPECIES)
    with pytest.raises(InputError, match="quantities 'forces' alone"):
        LabelledSet(frames, LinearSettings(fit=FitSettings(quantities=("forces", "energy"))), SPECIES)
    with pytest.raises(InputError, match="pool"):
        LabelledSet([frames[0][:3]], SETTINGS, SPECIES)
