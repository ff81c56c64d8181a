"""What calculators say of themselves and refuse, without any being run."""

import importlib.util
import shutil

import pytest
from ase.build import bulk, molecule

from alworkflows.calculators import CALCULATORS, FailureKind, configured, create, describe, parameters, permit, remedies
from alworkflows.errors import InputError, MissingExtraError
from alworkflows.frames import labels
from alworkflows.labelling import label
from alworkflows.settings import CalculatorSettings, LabelSettings, parse

DFT = ("gpaw", "cp2k")
EMT = {"class": "ase.calculators.emt:EMT", "package": "ase", "energy": "potential"}


def settings(name, moments=None, **given):
    return LabelSettings(calculator=CalculatorSettings(name=name, parameters=given), moments=moments or {})


@pytest.mark.parametrize("name", [name for name, engine in CALCULATORS.items() if engine.remedies])
def test_a_remedy_changes_neutral_parameters_alone(name):
    engine = parameters(CalculatorSettings(name=name))
    for remedy in engine.remedies:
        changed = engine.with_remedy(remedy)
        assert changed != engine
        kept = {"exclude": set(engine.neutral)}
        assert changed.model_dump(**kept) == engine.model_dump(**kept)
        assert parameters(CalculatorSettings(name=name, parameters=changed.model_dump())) == changed


@pytest.mark.parametrize("name", CALCULATORS)
def test_neutral_parameters_and_files_exist(name):
    engine = CALCULATORS[name]
    assert set(engine.neutral) - {"threads"} <= set(engine.model_fields)
    assert set(engine.files) <= set(engine.model_fields)


@pytest.mark.parametrize("name", DFT)
def test_remedies_come_in_order_and_by_kind(name):
    settings = CalculatorSettings(name=name)
    assert remedies(settings, "unconverged") == ["more-steps", "mixing", "algorithm"]
    assert remedies(settings, FailureKind.GEOMETRY) == []
    with pytest.raises(InputError, match=r"unknown remedy 'more-step' \(did you mean 'more-steps'\?\)"):
        parameters(settings).with_remedy("more-step")


@pytest.mark.parametrize("name", DFT)
def test_a_mesh_or_a_spacing(name):
    with pytest.raises(InputError, match="either a mesh or kpoints_spacing"):
        parameters(CalculatorSettings(name=name, parameters={"kpoints": [2, 2, 2], "kpoints_spacing": 0.3}))


@pytest.mark.parametrize("name", DFT)
def test_frames_that_contradict_the_settings(name):
    engine = parameters(CalculatorSettings(name=name, parameters={"kpoints": [2, 2, 2]}))
    with pytest.raises(InputError, match="expected three lattice vectors"):
        engine.check(molecule("H2O"))
    with pytest.raises(InputError, match="expected 1 point along lattice vector 1"):
        engine.check(molecule("H2O", vacuum=4.0))


@pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="the extra 'gpaw' is not installed")
class TestGpaw:
    """GPAW as far as it goes without running it."""

    def test_what_defines_a_label(self):
        definition = describe(CalculatorSettings(name="gpaw"))
        assert definition["energy"] == "free"
        assert set(definition["packages"]) == {"gpaw", "gpaw-data", "ase"}
        assert not {"maxiter", "mixing", "eigensolver", "threads"} & set(definition["parameters"])
        assert definition["parameters"]["convergence"]["density"] == 1e-6
        assert "setups" not in definition

    def test_data_sets_of_ones_own_are_part_of_it(self, tmp_path, monkeypatch):
        before = describe(CalculatorSettings(name="gpaw"))
        monkeypatch.setenv("GPAW_SETUP_PATH", str(tmp_path))
        (tmp_path / "Zn.PW91").write_text("one")
        one = describe(CalculatorSettings(name="gpaw"))
        (tmp_path / "Zn.PW91").write_text("two")
        assert before != one != describe(CalculatorSettings(name="gpaw"))

    def test_species_without_a_data_set(self, tmp_path, monkeypatch):
        zinc = bulk("Zn")
        with pytest.raises(InputError, match=r"no PAW data set 'Zn.PW91' in .*; for Zn there is .*PBE"):
            parameters(CalculatorSettings(name="gpaw", parameters={"xc": "PW91"})).check(zinc)
        with pytest.raises(InputError, match="there is none for Po"):
            parameters(CalculatorSettings(name="gpaw")).check(bulk("Po", "sc", a=3.3))
        monkeypatch.setenv("GPAW_SETUP_PATH", str(tmp_path))
        (tmp_path / "Zn.PW91").write_text("")
        parameters(CalculatorSettings(name="gpaw", parameters={"xc": "PW91"})).check(zinc)
        parameters(CalculatorSettings(name="gpaw", parameters={"setups": {"Zn": "paw"}})).check(zinc)

    def test_all_frames_are_checked_before_any_is_paid_for(self):
        frames = [bulk("Cu"), molecule("H2O"), molecule("CO")]
        with pytest.raises(InputError, match=r"frame 1: GPAW repeats a cell.*\(2 of 3 frames"):
            label(frames, settings("gpaw"), lambda frame: pytest.fail("a frame was labelled"))

    def test_keywords(self):
        engine = parameters(
            CalculatorSettings(name="gpaw", parameters={"smearing": {"method": "methfessel-paxton", "width": 0.2}, "mixing": 0.1})
        )
        frame = bulk("Fe")
        frame.set_initial_magnetic_moments([2.0])
        keywords = engine.keywords(frame)
        assert keywords["occupations"] == {"name": "methfessel-paxton", "width": 0.2, "order": 1}
        assert keywords["mixer"] == {"name": "msr1", "beta": 0.1}
        assert keywords["spinpol"]
        assert "spinpol" not in engine.keywords(bulk("Cu"))


def test_moments_need_a_calculator_that_has_some():
    with pytest.raises(InputError, match="'emt' has no magnetic moments"):
        configured(settings("emt", {"Cu": 1.0}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"moments": {"Xx": 1.0}}, "unknown chemical symbol 'Xx'"),
        ({"largest_moment_change": 0.5}, "expected 'moments'"),
    ],
)
def test_moments_in_the_settings(given, message):
    with pytest.raises(InputError, match=message):
        parse(LabelSettings, given)


def test_a_program_that_is_missing_is_named():
    missing = permit(CalculatorSettings(name="cp2k", parameters={"command": "cp2k_shell_of_nowhere"}))
    with pytest.raises(InputError, match="needs the program 'cp2k_shell_of_nowhere'"):
        create(missing)
    assert CALCULATORS["cp2k"].found() == (shutil.which("cp2k_shell") is not None)


def test_cp2ks_own_words():
    from alworkflows.calculators.cp2k_run import check_output
    from alworkflows.calculators.failures import LabelError

    check_output("  *** SCF run converged in 12 steps ***")
    with pytest.raises(LabelError, match="not converged after 60 steps") as caught:
        check_output("  Leaving inner SCF loop after reaching    60 steps.\n *** WARNING SCF run NOT converged ***")
    assert caught.value.kind == FailureKind.UNCONVERGED
    box = " *   ___       *\n * [ABORT]     *\n *  \\___/   {}  *\n *    |        *\n ===== Routine Calling Stack =====\n"
    for words, kind in (("unknown subsection FOO", FailureKind.REFUSED), ("could not allocate 3 GB", FailureKind.MEMORY)):
        with pytest.raises(LabelError, match=words) as caught:
            check_output(box.format(words))
        assert caught.value.kind == kind


def test_what_cp2k_is_told_of_a_frame():
    """In the words of ASE's calculator, which refuses none of them; the rest is input that ASE does not write."""
    from ase.calculators.cp2k import CP2K
    from ase.units import Rydberg

    cp2k = parameters(CalculatorSettings(name="cp2k", parameters={"cutoff": 400 * Rydberg, "maxiter": 7, "kpoints": [2, 2, 1]}))
    keywords = cp2k.keywords(bulk("Cu", cubic=True))
    assert set(keywords) <= set(CP2K.default_parameters)
    assert (keywords["cutoff"], keywords["max_scf"]) == (pytest.approx(400 * Rydberg), 7)
    assert "SCHEME MACDONALD 2 2 1" in keywords["inp"]
    assert cp2k.launch() == "cp2k_shell"


def test_any_calculator_by_the_path_of_its_class():
    kept, other = [], []
    frame = bulk("Cu", cubic=True)
    frame.rattle(0.1, seed=1)
    assert label([frame], settings("ase", **EMT), kept.append) == []
    assert label([frame], settings("emt"), other.append) == []
    assert labels(kept[0]).energy == labels(other[0]).energy
    definition = describe(CalculatorSettings(name="ase", parameters=EMT))
    assert definition["parameters"]["class"] == EMT["class"]
    assert definition["energy"] == "potential"
    assert describe(CalculatorSettings(name="ase", parameters={**EMT, "arguments": {"asap_cutoff": True}})) != definition


def test_one_that_fails_on_every_frame():
    # the effective medium theory knows no zinc
    [failure] = label([bulk("Zn")], settings("ase", **EMT), print)
    assert failure["kind"] == "refused"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"class": "EMT"}, InputError, "expected 'module:Class'"),
        ({"package": "no-such-package"}, MissingExtraError, "pip install no-such-package"),
        ({"class": "ase.calculators.emmt:EMT"}, InputError, "no module 'ase.calculators.emmt'"),
        ({"class": "ase.calculators.emt:EMMT"}, InputError, "has no class 'EMMT'"),
        ({"clas": "x"}, InputError, "did you mean 'class'"),
        ({"energy": "extrapolated"}, InputError, "energy"),
    ],
)
def test_a_class_that_cannot_be_made(given, error, message):
    with pytest.raises(error, match=message):
        create(permit(CalculatorSettings(name="ase", parameters={**EMT, **given})))


def test_arguments_it_does_not_take():
    refused = {**EMT, "class": "ase.calculators.mixing:SumCalculator", "arguments": {"calculators": []}}
    with pytest.raises(InputError, match=r"arguments: ase.calculators.mixing:SumCalculator refuses them"):
        create(permit(CalculatorSettings(name="ase", parameters=refused)))
