"""The ensemble: mean and deviation, and which member said what; of one class, and of several, which keeps the same contract."""

import numpy as np
import pytest
from model_contract import ModelContract, cluster
from planted import SETTINGS, SPECIES, structure

from alworkflows.errors import InputError
from alworkflows.export import export_lammps
from alworkflows.insight import look_into
from alworkflows.models import Ensemble, LinearModel, force_errors, train
from alworkflows.models.calculator import EnsembleCalculator
from alworkflows.models.capabilities import LinearTerms
from alworkflows.models.universal.model import UniversalModel
from alworkflows.selection import ActiveSet
from alworkflows.settings import FitSettings, LinearSettings, ModelSettings, UniversalSettings
from alworkflows.settings.descriptors import ChebyshevSettings

PLIP = LinearSettings(descriptors=SETTINGS, fit=FitSettings(terms=15, rows_per_term=3.0), members=3, folds=5)
CHEBYSHEV = LinearSettings(
    descriptors=ChebyshevSettings(cutoff=5.0, degree=8), fit=FitSettings(method="least-squares"), members=2, folds=4
)


class EnsembleContract(ModelContract):
    """The contract of models, and what only ensembles do."""

    def round_trip(self, model, path):
        model.save(path)
        return Ensemble.load(path)

    def test_deviation_is_the_vector_standard_deviation(self, model):
        prediction = model.predict([structure(30)])[0]
        assert prediction.members.shape == (len(model.members), len(structure(30)), 3)
        np.testing.assert_allclose(prediction.forces, prediction.members.mean(axis=0), atol=1e-12)
        spread = prediction.members - prediction.members.mean(axis=0)
        np.testing.assert_allclose(prediction.deviation, np.sqrt((spread**2).sum(axis=2).mean(axis=0)), atol=1e-14)

    def test_members_say_what_they_say_alone(self, model):
        prediction = model.predict([structure(36)])[0]
        assert len(model.names) == len(set(model.names)) == len(model.members)
        for member, forces, energy in zip(model.members, prediction.members, prediction.member_energies, strict=True):
            alone = member.predict([structure(36)])[0]
            self.close(forces, alone.forces, max(self.rounding, 1e-7))
            assert energy == pytest.approx(alone.energy, rel=1e-6)

    def test_the_calculator_tells_the_disagreement(self, model):
        atoms = structure(31)
        expected = model.predict([atoms])[0].deviation
        alone, both = model.calculator(), model.calculator()
        alone.calculate(atoms, ["forces"])
        both.calculate(atoms, ["forces", "disagreement"])
        assert not {"disagreement", "forces_std"} & set(alone.results)
        np.testing.assert_array_equal(both.results["disagreement"], both.disagreement(atoms))
        self.close(both.results["disagreement"], expected)
        for name in ("energy", "energies", "forces", "stress"):
            self.close(both.results[name], alone.results[name])

    def test_the_calculator_has_the_spread_of_each_component(self, model):
        atoms = structure(31)
        atoms.calc = model.calculator()
        found = atoms.calc.get_property("forces_std", atoms)
        members = model.predict([atoms])[0].members
        self.close(found, members.std(axis=0))
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), atoms.calc.results["disagreement"], rtol=1e-12)
        assert dict(atoms.get_properties(["forces"]))["forces"].shape == found.shape

    def test_what_was_evaluated_is_not_evaluated_again(self, model, monkeypatch):
        atoms, evaluator = structure(32), model.evaluator()
        calls = []
        for name in ("evaluate", "mean"):
            made = getattr(evaluator, name)
            monkeypatch.setattr(evaluator, name, lambda frame, name=name, made=made: calls.append(name) or made(frame))
        atoms.calc = EnsembleCalculator(evaluator)
        atoms.calc.get_property("forces_std", atoms)
        atoms.calc.get_property("disagreement", atoms)
        assert [atoms.get_forces().shape, atoms.get_stress().shape, calls] == [(len(atoms), 3), (6,), ["evaluate"]]
        atoms.rattle(0.01)
        atoms.get_forces()
        assert calls == ["evaluate", "mean"]

    def test_frames_of_all_kinds_are_predicted_together(self, model):
        frames = [structure(1), cluster(), structure(2), structure(3)]
        frames[2].pbc = (True, True, False)
        for frame, prediction in zip(frames, model.predict(frames), strict=True):
            alone = model.predict([frame])[0]
            assert prediction.energy == pytest.approx(alone.energy, rel=self.rounding, abs=self.rounding)
            self.close(prediction.forces, alone.forces)
            self.close(prediction.stress, alone.stress)

    def test_atoms_at_one_place(self, model):
        atoms = structure(1)
        atoms.positions[1] = atoms.positions[0] + atoms.cell[1]
        with pytest.raises(InputError, match="expected atoms at different places"):
            model.predict([structure(2), atoms])

    def test_a_file_keeps_the_report(self, model, tmp_path):
        again = self.round_trip(model, tmp_path / "model.npz")
        assert again.report == model.report
        assert again.names == model.names

    def test_errors_without_forces(self, model):
        with pytest.raises(InputError, match="frames have no forces"):
            force_errors(model, [structure(1)])


@pytest.fixture(scope="module")
def ensembles(labelled, bonded):
    frames = labelled(14, noise=0.1)
    by_name = {
        "plip": train(frames, PLIP, SPECIES, 1, cache=None)[0],
        "plip and chebyshev": train(bonded(14), [CHEBYSHEV, PLIP], SPECIES, 1, cache=None)[0],
    }
    # members of a make need not stand together
    first, second, *rest = by_name["plip and chebyshev"].members
    by_name["shuffled"] = Ensemble([rest[0], first, rest[1], second], by_name["plip and chebyshev"].report)
    return by_name


class TestOfOneMake(EnsembleContract):
    slope = 2e-5

    @pytest.fixture
    def model(self, ensembles):
        return ensembles["plip"]

    def test_its_members_are_one_evaluation(self, model):
        assert [group.places for group in model.groups] == [(0, 1, 2)]


class TestMixed(EnsembleContract):
    slope, timestep = 2e-5, 0.1

    @pytest.fixture
    def model(self, ensembles):
        return ensembles["shuffled"]

    def test_members_of_a_make_are_one_evaluation(self, model):
        assert [group.places for group in model.groups] == [(0, 2), (1, 3)]
        assert model.names == ["linear (plip) 1", "linear (chebyshev) 1", "linear (plip) 2", "linear (chebyshev) 2"]


class TestWithChgnet(EnsembleContract):
    step, slope, rounding, steps = 0.01, 1e-2, 2e-4, 10

    @pytest.fixture
    def model(self, ensembles):
        pytest.importorskip("chgnet")
        return Ensemble([*ensembles["plip"].members[:2], UniversalModel(SPECIES)])


def test_errors_are_those_of_the_labels(ensembles, labelled):
    frames = labelled(3, first=60)
    errors = force_errors(ensembles["plip"], frames)
    error = errors["predicted_forces"] - errors["reference_forces"]
    assert errors["summary"]["force_rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    sizes = np.cumsum([len(frame) for frame in frames])[:-1]
    largest = [np.linalg.norm(part, axis=1).max() for part in np.split(error, sizes)]
    np.testing.assert_allclose(errors["largest_error"], largest)


def test_a_committee_of_one_cannot_disagree(ensembles):
    with pytest.raises(InputError, match="at least two members"):
        Ensemble(ensembles["plip"].members[:1])


def test_members_of_other_species_do_not_mix(ensembles):
    first = ensembles["plip"].members[0]
    other = UniversalModel(("Zn", "S"))
    with pytest.raises(InputError, match=r"linear \(plip\) is for Zn, O, universal \(chgnet 0.3.0\) for Zn, S"):
        Ensemble([first, other])
    assert Ensemble([first, UniversalModel(("O", "Zn"))]).species == ("Zn", "O")


# ------------------------------------------------------------------------------------------------ training of groups


def test_the_report_has_each_group_and_what_all_share(labelled):
    frames = labelled(14, noise=0.1)
    alone, whole = train(frames, PLIP, SPECIES, 1, cache=None)
    mixed, report = train(frames, [PLIP, CHEBYSHEV], SPECIES, 1, cache=None)
    assert [group["class"] for group in report["groups"]] == ["linear", "linear"]
    assert [group["members"] for group in report["groups"]] == [3, 2]
    timeless = {name: value for name, value in report["groups"][0].items() if not name.startswith("seconds")}
    assert timeless == {name: value for name, value in whole["groups"][0].items() if not name.startswith("seconds")}
    errors = [group["held_out_rmse"] for group in report["groups"]]
    assert report["held_out_rmse"] == pytest.approx(np.sqrt((3 * errors[0] ** 2 + 2 * errors[1] ** 2) / 5))
    assert report["terms"] == [15] * 3 + report["groups"][1]["terms"]
    assert report["reference_disagreement"] > whole["reference_disagreement"]
    assert whole["held_out_rmse"] == whole["groups"][0]["held_out_rmse"]
    assert mixed.reference_disagreement == report["reference_disagreement"]
    for ours, theirs in zip(alone.members, mixed.members, strict=False):
        np.testing.assert_array_equal(ours.weights, theirs.weights)


def test_a_pretrained_group_is_judged_on_the_frames_that_others_left_out(labelled):
    pytest.importorskip("chgnet")
    frames = labelled(8)
    settings = ModelSettings.of(PLIP.model_copy(update={"members": 1, "folds": 2}), UniversalSettings())
    ensemble, report = train(frames, settings, SPECIES, 1, cache=None)
    assert ensemble.names == ["linear (plip)", "universal (chgnet 0.3.0)"]
    assert report["groups"][1]["weights"] == "0.3.0"
    assert report["groups"][1]["held_out_rmse"] > report["groups"][0]["held_out_rmse"] == report["held_out_rmse"]
    (terms,) = ensemble.summary()["terms"]
    assert ensemble.summary()["parameters"] == [terms + 2, 412_525]


def test_where_nothing_is_fitted_all_frames_are_unseen(labelled):
    pytest.importorskip("chgnet")
    settings = ModelSettings.of(UniversalSettings(), UniversalSettings(weights="0.2.0"))
    assert not settings.is_trained
    ensemble, report = train(labelled(3), settings, SPECIES, 1)
    assert report["frames"] == report["held_out_frames"] == 3
    assert report["held_out_rmse"] > 0
    assert "terms" not in report
    assert "terms" not in ensemble.summary()


# ------------------------------------------------------------------------------------------------ capabilities


def test_the_largest_group_that_has_a_capability(ensembles):
    linear, others = ensembles["shuffled"].having(LinearTerms, "terms")
    assert (linear.make, [str(group) for group in others]) == ("linear (plip)", ["2 of linear (chebyshev)"])


def test_lammps_files_are_written_of_plip_alone_and_only_if_told(ensembles, tmp_path):
    with pytest.raises(InputError, match=r"the mean of 2 of linear \(plip\) .* without 2 of linear \(chebyshev\).*--leave-out"):
        export_lammps(ensembles["shuffled"], tmp_path / "potential")
    assert not (tmp_path / "potential").exists()
    assert "model.plip" in export_lammps(ensembles["shuffled"], tmp_path / "potential", leave_out=True).files
    only = Ensemble([member for member in ensembles["shuffled"].members if "chebyshev" in member.make])
    with pytest.raises(InputError, match=r"with files for LAMMPS, got one of class linear \(chebyshev\)"):
        export_lammps(only, tmp_path / "other", leave_out=True)


def test_insight_is_of_members_that_have_it(ensembles):
    mixed = ensembles["shuffled"]
    plip = Ensemble([member for member in mixed.members if "plip" in member.make])
    assert look_into(mixed, [structure(1)]).shares == look_into(plip, [structure(1)]).shares
    only = Ensemble([member for member in mixed.members if "chebyshev" in member.make])
    with pytest.raises(InputError, match=r"with curves and force shares, got one of class linear"):
        look_into(only, [structure(1)])


def test_the_grade_is_of_linear_members(ensembles, bonded):
    only = Ensemble([member for member in ensembles["shuffled"].members if "chebyshev" in member.make])
    active_set = ActiveSet.of_ensemble(only, bonded(14))
    assert active_set.grades(bonded(2)).max() <= 1.01
    universal = Ensemble([UniversalModel(SPECIES), UniversalModel(SPECIES, "0.2.0")])
    with pytest.raises(InputError, match="extrapolation grade: expected a model with terms that are linear"):
        ActiveSet.of_ensemble(universal, bonded(1))


def test_a_linear_model_of_no_terms_is_its_reference_energies():
    none = np.zeros(LinearModel(SETTINGS, SPECIES, np.zeros(1), np.zeros(2)).descriptors.size)
    model = LinearModel(SETTINGS, SPECIES, none, np.array([-1.0, -2.0]))
    prediction = model.predict([structure(1)])[0]
    symbols = structure(1).get_chemical_symbols()
    assert prediction.energy == pytest.approx(-symbols.count("Zn") - 2 * symbols.count("O"))
    assert not prediction.forces.any()
