"""``Fit``: its methods, choices and reference energies; streams, weights; and data that are degenerate."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from planted import LEVELS, SETTINGS, SPECIES
from sklearn.linear_model import Ridge

from alworkflows import frames as frames_io
from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, frame_id, labels
from alworkflows.models import Fit, fold_of, force_errors
from alworkflows.models.linear.solvers import Spectrum, coordinate_lasso


@pytest.fixture(scope="module")
def frames(labelled):
    """Frames with noise on their forces."""
    return labelled(16, noise=0.1)


@pytest.fixture
def fit(settings):
    """Return a function that fits with settings of the regression."""

    def _fit(frames, members=3, seed=1, **more):
        arguments = {key: more.pop(key) for key in ("tests", "transfers", "references", "progress") if key in more}
        return Fit(frames, settings(members=members, **more), SPECIES, seed, **arguments)

    return _fit


def rows_of(frames, member=None):
    """Force rows and forces of all frames, or of those a member is fitted to."""
    descriptors = build(SETTINGS, SPECIES)
    kept = [frame for frame in frames if member is None or fold_of(frame_id(frame), 1, 5) != member]
    x = np.concatenate([descriptors.design(frame, stress=False).forces for frame in kept])
    return x, np.concatenate([labels(frame).forces.ravel() for frame in kept])


# ---------------------------------------------------------------------------------------------------- methods


def test_ridge_is_that_of_scikit_learn(fit, frames):
    ensemble = fit(frames, method="ridge").ensemble(alpha=1e-3)
    for member in (0, 1, 2):
        x, y = rows_of(frames, member)
        scale = np.linalg.norm(x, axis=0)
        scale[scale == 0] = 1.0
        expected = Ridge(alpha=1e-3, fit_intercept=False, solver="svd").fit(x / scale, y).coef_
        np.testing.assert_allclose(ensemble.members[member].weights * scale, expected, atol=1e-8 * np.abs(expected).max())


def test_least_squares_is_that_of_numpy(fit, frames):
    fitted = fit(frames, method="least-squares", rank_cutoff=1e-9)
    ensemble = fitted.ensemble()
    for member, rank in enumerate(fitted.report["rank"]):
        x, y = rows_of(frames, member)
        scale = np.linalg.norm(x, axis=0)
        scale[scale <= 1e-12 * scale.max()] = np.inf
        expected, _, their_rank, _ = np.linalg.lstsq(x / scale, y, rcond=np.sqrt(1e-9))
        assert rank == their_rank
        predicted = x @ ensemble.members[member].weights
        np.testing.assert_allclose(predicted, (x / scale) @ expected, atol=1e-6 * np.abs(y).max())
    assert len(fitted.path) == 1
    assert "- " in str(fitted.path).splitlines()[1]


def test_the_rank_of_a_set_with_copies():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=50)
    doubled = np.hstack([x, x[:, :3], np.zeros((50, 2))])
    weights, rank = Spectrum(doubled.T @ doubled, doubled.T @ y).least_squares(None)
    assert rank == 6
    np.testing.assert_allclose(doubled @ weights, x @ np.linalg.lstsq(x, y, rcond=None)[0], atol=1e-10)
    np.testing.assert_allclose(weights[:3], weights[6:9], atol=1e-10)


def test_coordinate_descent_finds_the_minimum_of_the_path_where_columns_are_not_parallel():
    from alworkflows.models.linear.path import lasso_path

    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 30))
    y = x[:, :5] @ rng.normal(size=5) + rng.normal(size=400)
    path = lasso_path(x.T @ x, x.T @ y, 30)
    penalties = path.penalties[[3, 8, 15]]
    for penalty, weights in zip(penalties, coordinate_lasso(x.T @ x, x.T @ y, penalties), strict=True):
        np.testing.assert_allclose(weights, path.coefficients(penalty), atol=1e-6)


def test_both_ways_to_a_lasso_agree_on_its_minimum(fit, frames):
    """Coefficients of near-parallel columns may differ, what they predict may not."""
    path, descent = fit(frames, refit=False), fit(frames, refit=False, method="lasso")
    alpha = descent.path[12].alpha
    x, y = rows_of(frames)
    ours, theirs = (x @ fitted.ensemble(alpha=alpha).members[0].weights for fitted in (path, descent))
    assert np.sqrt(((ours - theirs) ** 2).mean()) < 0.02 * y.std()


def test_the_refit_is_least_squares_on_the_support(fit, frames):
    member = fit(frames, ridge=0.0).ensemble(terms=8).members[1]
    x, y = rows_of(frames, 1)
    assert len(member.support) == 8
    expected = np.linalg.lstsq(x[:, member.support], y, rcond=None)[0]
    np.testing.assert_allclose(member.weights[member.support], expected, rtol=1e-6)


# ---------------------------------------------------------------------------------------------------- choices


def test_a_choice_at_a_time(fit, frames):
    with pytest.raises(InputError, match="expected one of terms, alpha, rule"):
        fit(frames).ensemble(terms=5, alpha=1e-3)
    with pytest.raises(InputError, match="expected alpha or terms, got both"):
        raise_input_error(lambda: fit(frames, terms=5, alpha=1e-3))
    with pytest.raises(InputError, match="method lasso-lars only"):
        fit(frames, method="ridge").ensemble(terms=5)
    with pytest.raises(InputError, match="no penalty"):
        fit(frames, method="least-squares").ensemble(alpha=0.1)
    with pytest.raises(InputError, match="needs a transfer set"):
        fit(frames).ensemble(rule="transfer")


def raise_input_error(call):
    """Turn the settings' own error into what a user of files sees."""
    try:
        call()
    except ValueError as error:
        raise InputError(str(error)) from error


def test_settings_choose_as_arguments_do(fit, frames):
    by_settings = fit(frames, alpha=1e-3).ensemble()
    by_argument = fit(frames).ensemble(alpha=1e-3)
    assert by_settings.report == by_argument.report
    assert by_settings.report["groups"][0]["alpha"] == 1e-3


# ---------------------------------------------------------------------------------------------------- streams and weights


def test_files_lists_and_iterators_give_the_same(fit, frames, tmp_path):
    frames_io.save(tmp_path / "a.npz", frames[:9])
    frames_io.save(tmp_path / "b.npz", frames[9:])
    expected = fit([frames[:9], frames[9:]]).ensemble().members[0].weights
    for source in (
        [tmp_path / "a.npz", str(tmp_path / "b.npz")],
        iter([frames[:9], frames[9:]]),
        [frames[:9], tmp_path / "b.npz"],
    ):
        np.testing.assert_array_equal(fit(source).ensemble().members[0].weights, expected)
    loose = fit(frame for frame in frames).ensemble().members[0].weights
    np.testing.assert_allclose(loose, expected, rtol=1e-6)


def test_what_is_no_frame(fit):
    with pytest.raises(InputError, match=r"training frames: expected frames .* got int"):
        fit([1, 2])
    with pytest.raises(InputError, match="expected at least one frame"):
        fit(iter([]))


def test_a_weight_of_two_is_two_copies(fit, frames):
    heavy = attach_labels(frames[0], labels(frames[0]).energy, labels(frames[0]).forces)
    heavy.info["weight"] = 2.0
    copies = fit([*frames, frames[0]]).ensemble(terms=10)
    weighted = fit([heavy, *frames[1:]]).ensemble(terms=10)
    member = next(m for m in range(3) if fold_of(frame_id(frames[0]), 1, 5) != m)
    np.testing.assert_allclose(weighted.members[member].weights, copies.members[member].weights, rtol=1e-5)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), "much"])
def test_weights_that_are_none(fit, frames, weight):
    bad = attach_labels(frames[0], labels(frames[0]).energy, labels(frames[0]).forces)
    bad.info["weight"] = weight
    with pytest.raises(InputError, match=r"expected in info\['weight'\] a positive number"):
        fit([bad, *frames[1:]])


def test_progress_is_told(fit, frames):
    said = []
    fit(frames, progress=said.append)
    assert "training frames: normal equations of 16 of 16 frames" in said
    assert any(line.startswith("member 3 of 3: path of") for line in said)


# ---------------------------------------------------------------------------------------------------- reference energies


def test_reference_energies_are_those_of_the_data_given_or_of_references(fit, labelled):
    frames = labelled(14)
    options = {"terms": 25, "ridge": 0.0}
    np.testing.assert_allclose(fit(frames, **options).ensemble().members[0].reference_energies, LEVELS, atol=1e-5)
    ensemble = fit(frames, **options, reference_energies={"Zn": -2.0, "O": 1.0}).ensemble()
    np.testing.assert_array_equal(ensemble.members[0].reference_energies, [-2.0, 1.0])
    references = [Atoms("Zn", cell=[20] * 3, pbc=True), Atoms("O", cell=[20] * 3, pbc=True)]
    references = [attach_labels(atoms, energy=energy) for atoms, energy in zip(references, (-0.5, -7.0), strict=True)]
    shifted = fit(frames, **options, references=references).ensemble()
    assert [prediction.energy for prediction in shifted.predict(references)] == pytest.approx([-0.5, -7.0])


def test_references_are_met_by_every_member_with_noise_too(fit, frames):
    pure = [bulk("Zn"), bulk("O", "fcc", a=4.0)]
    references = [attach_labels(atoms, energy=energy) for atoms, energy in zip(pure, (-1.3, -2.7), strict=True)]
    ensemble = fit(frames, references=references).ensemble(terms=12)
    assert [prediction.energy for prediction in ensemble.predict(references)] == pytest.approx([-1.3, -2.7])


def test_fixed_reference_energies_enter_the_fit_of_energies(fit, labelled, planted):
    frames = labelled(14)
    energies = dict(zip(SPECIES, LEVELS, strict=True))
    options = {"terms": 25, "ridge": 0.0, "quantities": ("energy", "forces")}
    for fitted in (fit(frames, **options, reference_energies=energies), fit(frames, **options)):
        member = fitted.ensemble().members[0]
        np.testing.assert_allclose(member.weights, planted, atol=1e-6 * np.abs(planted).max())
        np.testing.assert_allclose(member.reference_energies, LEVELS, atol=1e-5)
        assert min(row.errors.held_out_mean for row in fitted.path) < 1e-5


@pytest.mark.parametrize(
    ("energies", "message"),
    [
        ({"Zn": 1.0}, "missing: O"),
        ({"Zn": 1.0, "O": 2.0, "Zm": 3.0}, "unknown species in reference_energies 'Zm'.*did you mean 'Zn'"),
    ],
)
def test_reference_energies_that_do_not_fit(fit, frames, energies, message):
    with pytest.raises(InputError, match=message):
        fit(frames, reference_energies=energies)


def test_references_that_do_not_determine_the_reference_energies(fit, frames):
    with pytest.raises(InputError, match=r"1 frames \(Zn2\) do not determine the energy of each of Zn, O"):
        fit(frames, references=[attach_labels(bulk("Zn"), energy=-1.0)])
    with pytest.raises(InputError, match="reference frames: 1 of 1 frames have no energy"):
        fit(frames, references=[bulk("Zn")])
    with pytest.raises(InputError, match="fixed reference energies or reference frames, got both"):
        fit(frames, reference_energies={"Zn": 0.0, "O": 0.0}, references=[attach_labels(bulk("Zn"), energy=-1.0)])


# ---------------------------------------------------------------------------------------------------- degenerate data


def test_forces_that_are_all_zero(fit, frames):
    still = [attach_labels(frame, forces=np.zeros((len(frame), 3))) for frame in frames]
    with pytest.raises(InputError, match="all that is to be fitted is zero"):
        fit(still)


def test_no_force_below_the_limit(fit, frames):
    with pytest.raises(InputError, match="no force is below the limit of 1e-09 eV/A"):
        fit(frames, force_limit=1e-9)


def test_a_species_without_neighbours_gets_its_level_and_no_terms(fit, labelled):
    alone = [attach_labels(Atoms("He", cell=[30.0] * 3, pbc=True), energy=-0.7, forces=np.zeros((1, 3)))]
    frames = labelled(14)
    fitted = Fit([*frames, *alone], fit(frames).settings, (*SPECIES, "He"), 1)
    ensemble = fitted.ensemble(terms=20)
    names = ensemble.members[0].descriptors.names
    assert not any("He" in names[index] for member in ensemble.members for index in member.support)
    assert ensemble.members[0].reference_energies[2] == pytest.approx(-0.7, abs=1e-5)


def test_isolated_atoms_thin_cells_and_one_atom_cells(fit, labelled, planted):
    descriptors, extra = build(SETTINGS, SPECIES), []
    for atoms in (
        bulk("Zn"),
        Atoms("O", cell=[15.0] * 3),
        bulk("ZnO", "zincblende", a=4.5),
        Atoms("Zn", cell=[2.9] * 3, pbc=True),
    ):
        design = descriptors.design(atoms)
        extra.append(attach_labels(atoms, 0.0, design.forces @ planted))
    fitted = fit([*labelled(14), *extra], terms=25, ridge=0.0)
    for member in fitted.ensemble().members:
        np.testing.assert_allclose(member.weights, planted, atol=1e-6 * np.abs(planted).max())


def test_more_descriptors_than_rows(fit, labelled):
    """A set without full rank has a path and a minimum-norm solution that fit its data."""
    few = labelled(3)
    fitted = fit(few, members=2, seed=next(s for s in range(50) if len({fold_of(frame_id(f), s, 5) for f in few} & {0, 1}) == 2),
               method="least-squares")  # fmt: skip
    assert max(fitted.report["rank"]) < fitted.report["descriptors"]
    assert fitted.path[0].errors.train < 1e-3


def test_duplicate_frames_stay_on_one_side_of_the_fold(fit, frames):
    doubled, single = fit([*frames, *frames]), fit(frames)
    assert doubled.report["frames"] == 32
    assert doubled.ensemble(terms=10).report["held_out_rmse"] == pytest.approx(
        single.ensemble(terms=10).report["held_out_rmse"], rel=1e-4
    )


# ---------------------------------------------------------------------------------------------------- baseline


def test_a_baseline_is_subtracted_and_said_to_reach_into_the_data(labelled, settings):
    frames, said = labelled(12, noise=0.05), []
    model = settings(terms=20).model_copy(update={"baseline": baseline_settings(outer=2.2)})
    fitted = Fit(frames, model, SPECIES, 1, progress=said.append)
    assert any(line.startswith("the baseline reaches into the data: Zn-O come as close as") for line in said)
    assert set(fitted.report["baseline_reaches"]) >= {"Zn-O"}
    ensemble = fitted.ensemble()
    assert {member.baseline for member in ensemble.members} == {model.baseline}
    row = fitted.ensemble().report["held_out_rmse"]
    assert force_errors(ensemble, frames)["summary"]["force_rmse"] < 1.5 * row


def baseline_settings(**values):
    from alworkflows.settings.model import BaselineSettings

    return BaselineSettings(**values)
