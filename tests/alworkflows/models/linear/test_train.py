"""The fit: what was planted is found, folds are left out exactly, and bad data end in one error."""

import numpy as np
import pytest
from planted import LEVELS, SETTINGS, SPECIES

from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, frame_id, labels
from alworkflows.models import Fit, fold_of, force_errors, train
from alworkflows.models.batches import Batches
from alworkflows.models.linear.accumulate import accumulate
from alworkflows.models.linear.blas import add_gram
from alworkflows.models.linear.rows import RowMaker
from alworkflows.settings import FitSettings, TermsRule


def stacked(frames, descriptors):
    x = np.concatenate([descriptors.design(frame).forces for frame in frames])
    return x, np.concatenate([labels(frame).forces.ravel() for frame in frames])


def sums(frames, fit=None, group=lambda atoms: 0, groups=1):
    """Accumulators of frames."""
    maker = RowMaker(build(SETTINGS, SPECIES), fit or FitSettings())
    return accumulate(Batches(frames, "frames"), maker, group, groups, lambda message: None)


# ---------------------------------------------------------------------------------------------------- folds and sums


def test_folds_never_move():
    ids = [f"{number:016x}" for number in range(1000)]
    folds = [fold_of(identity, 1, 10) for identity in ids]
    assert folds[:500] == [fold_of(identity, 1, 10) for identity in ids[:500]]
    assert folds != [fold_of(identity, 2, 10) for identity in ids]
    counts = np.bincount(folds, minlength=10)
    assert counts.min() > 60
    assert counts.max() < 140


@pytest.mark.parametrize("quantities", [("forces",), ("energy", "forces", "stress")])
def test_sums_are_those_of_the_matrix_and_a_fold_is_left_out_by_subtraction(labelled, quantities):
    frames = labelled(9, noise=0.1)
    descriptors = build(SETTINGS, SPECIES)
    fit = FitSettings(quantities=quantities)
    parts = sums(frames, fit, lambda atoms: frames.index(atoms) % 2, 2)
    whole = sums(frames, fit)[0]
    left = (whole - parts[1]).reduced()
    direct = sums(frames[::2], fit)[0].reduced()
    for subtracted, expected in zip(left, direct, strict=True):
        np.testing.assert_allclose(subtracted, expected, atol=1e-9 * np.abs(expected).max())
    if quantities == ("forces",):
        x, y = stacked(frames, descriptors)
        np.testing.assert_allclose(whole.xx, x.T @ x, rtol=1e-10, atol=1e-10 * np.abs(x.T @ x).max())
        np.testing.assert_allclose(whole.xy, x.T @ y, rtol=1e-10, atol=1e-9)


def test_the_gram_matrix_is_added_to_its_upper_triangle():
    rng = np.random.default_rng(0)
    rows, xx = rng.normal(size=(50, 7)), rng.normal(size=(7, 7))
    before = xx.copy()
    add_gram(rows, xx)
    np.testing.assert_allclose(np.triu(xx), np.triu(before + rows.T @ rows), rtol=1e-13)
    np.testing.assert_array_equal(np.tril(xx, -1), np.tril(before, -1))
    with pytest.raises(ValueError, match="C-contiguous"):
        add_gram(rows.T.copy().T, xx)
    with pytest.raises(TypeError, match="expected doubles"):
        add_gram(rows.astype(np.float32), xx)


def test_threads_do_not_change_a_bit(labelled, monkeypatch):
    frames, runs = labelled(9, noise=0.1), []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        runs.append(sums(frames, group=lambda atoms: len(atoms) % 3, groups=3))
    for first, *others in zip(*runs, strict=True):
        assert all(np.array_equal(first.xx, other.xx) and np.array_equal(first.xy, other.xy) for other in others)


def test_a_force_limit_drops_components(labelled):
    frames = labelled(4)
    total = sum((np.abs(labels(frame).forces) <= 1.0).sum() for frame in frames)
    normal = sums(frames, FitSettings(force_limit=1.0))[0]
    assert normal.rows == total < sum(3 * len(frame) for frame in frames)


def test_frames_weigh_by_the_scale_of_their_forces(labelled):
    frame = labelled(1)[0]
    plain = sums([frame])[0]
    scaled = sums([frame], FitSettings(force_scale=0.5))[0]
    rms = np.sqrt((labels(frame).forces ** 2).mean())
    np.testing.assert_allclose(scaled.xx, plain.xx * 0.25 / (rms**2 + 0.25), rtol=1e-12)


# ---------------------------------------------------------------------------------------------------- training


def test_what_was_planted_is_found_by_forces_alone(labelled, settings, planted):
    ensemble, report = train(labelled(14), settings(terms=25, ridge=0.0), SPECIES, 1)
    for member in ensemble.members:
        np.testing.assert_allclose(member.weights, planted, atol=1e-6 * np.abs(planted).max())
        np.testing.assert_allclose(member.reference_energies, LEVELS, atol=1e-6)
    assert report["held_out_rmse"] < 1e-6
    assert max(report["terms"]) < 25, "the path ends where nothing is left to explain"


def test_energies_forces_and_stresses_together(labelled, settings, planted):
    fit = settings(terms=25, ridge=0.0, quantities=("energy", "forces", "stress"), energy_weight=3.0)
    ensemble, _ = train(labelled(14), fit, SPECIES, 1)
    summary = force_errors(ensemble, labelled(4, first=50))["summary"]
    assert summary["energy_rmse"] < 1e-6
    assert summary["force_rmse"] < 1e-6
    assert summary["stress_rmse"] < 1e-7


def test_without_energies_the_reference_energies_are_zero(labelled, settings):
    frames = [attach_labels(frame, forces=labels(frame).forces) for frame in labelled(10)]
    ensemble, report = train(frames, settings(terms=6), SPECIES, 1)
    assert report["groups"][0]["energies"] == 0
    assert not any(member.reference_energies.any() for member in ensemble.members)


def test_errors_of_the_sums_are_those_of_predictions(labelled, settings):
    frames, other = labelled(16, noise=0.2), labelled(4, first=70, noise=0.2)
    fit = Fit(frames, settings(members=3), SPECIES, 1, tests={"a": other[:2]}, transfers={"b": other[2:]})
    row = fit.path[20]
    ensemble = fit.ensemble(alpha=row.alpha)
    assert ensemble.report["terms"] == row.terms
    for fold, expected in enumerate(row.errors.held_out):
        left = [frame for frame in frames if fold_of(frame_id(frame), 1, 5) == fold]
        if not left:
            assert expected is None
            continue
        errors = [
            (prediction.members[fold] - labels(frame).forces).ravel()
            for frame, prediction in zip(left, ensemble.predict(left), strict=True)
        ]
        assert np.sqrt((np.concatenate(errors) ** 2).mean()) == pytest.approx(expected, rel=1e-5)
    assert force_errors(ensemble, other[:2])["summary"]["force_rmse"] == pytest.approx(row.errors.tests["a"], rel=1e-5)
    assert force_errors(ensemble, other[2:])["summary"]["force_rmse"] == pytest.approx(row.errors.transfers["b"], rel=1e-5)


def test_the_rule_prefers_few_terms_and_best_the_smallest_error(labelled, settings):
    fit = Fit(labelled(16, noise=0.2), settings(members=5, max_terms=40), SPECIES, 1, transfers={"other": labelled(3, first=40)})
    best, sparse = fit.path.choose(TermsRule.BEST), fit.path.choose(TermsRule.ONE_STANDARD_ERROR)
    assert sparse <= best
    held_out = [row.errors.held_out_mean for row in fit.path]
    assert held_out[best] == min(held_out)
    transfer = [row.errors.transfers["other"] for row in fit.path]
    assert transfer[fit.path.choose(TermsRule.TRANSFER)] == min(transfer)
    assert fit.ensemble(rule="best").report["groups"][0]["alpha"] == fit.path[best].alpha


def test_of_one_member_alone_the_rule_takes_the_smallest_error(labelled, settings):
    """Its error has no spread over members; beside a pretrained model, one linear member is an ensemble."""
    fit = Fit(labelled(16, noise=0.2), settings(members=1, max_terms=40), SPECIES, 1)
    held_out = [row.errors.held_out_mean for row in fit.path]
    assert held_out[fit.path.choose(TermsRule.ONE_STANDARD_ERROR)] == min(held_out)
    assert np.argmin(held_out) > 0


def test_the_path_of_penalised_coefficients_is_reported_beside_that_of_the_refit(labelled, settings):
    fit = Fit(labelled(16, noise=0.2), settings(members=3, max_terms=40), SPECIES, 1)
    assert len(fit.path) == 40
    alphas = [row.alpha for row in fit.path]
    assert alphas == sorted(alphas, reverse=True)
    for row in fit.path:
        assert row.errors.train <= row.penalised.train * (1 + 1e-9), "least squares on the same columns cannot be worse"
    lines = str(fit.path).splitlines()
    assert len(lines) == 41
    assert max(map(len, lines)) <= 80


def test_paths_end_earlier_while_data_are_few(labelled, settings):
    _, report = train(labelled(10, noise=0.1), settings(rows_per_term=20.0), SPECIES, 1)
    assert max(report["terms"]) <= report["groups"][0]["rows"] / 20


def test_the_same_data_and_seed_give_the_same_bits(labelled, settings):
    first = train(labelled(12, noise=0.1), settings(), SPECIES, 3)[0]
    second = train(labelled(12, noise=0.1), settings(), SPECIES, 3)[0]
    for a, b in zip(first.members, second.members, strict=True):
        assert (a.weights == b.weights).all()


def test_members_differ_and_disagree(labelled, settings):
    ensemble, report = train(labelled(14, noise=0.3), settings(members=4), SPECIES, 1)
    assert report["reference_disagreement"] > 0
    assert ensemble.reference_disagreement == report["reference_disagreement"]


# ---------------------------------------------------------------------------------------------------- bad data


def test_frames_without_forces(labelled, settings):
    frames = labelled(10)
    frames[3] = attach_labels(frames[3], energy=-1.0)
    with pytest.raises(InputError, match="1 of 10 frames have no forces"):
        train(frames, settings(), SPECIES, 1)


def test_no_frames(settings):
    with pytest.raises(InputError, match="expected at least one frame"):
        train([], settings(), SPECIES, 1)


def test_too_few_frames_for_members_to_differ(labelled, settings):
    with pytest.raises(InputError, match="label more, or use fewer folds"):
        train(labelled(1), settings(), SPECIES, 1)


def test_a_species_that_is_not_the_models(labelled, settings):
    with pytest.raises(InputError, match="expected atoms of the species Zn, got O"):
        train(labelled(14), settings(), ("Zn",), 1)
