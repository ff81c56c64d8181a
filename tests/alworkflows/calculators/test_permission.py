"""What settings may run by themselves: nothing that is neither ours nor ASE's, until a person allows exactly that."""

import sys

import pytest
from ase.build import bulk

from alworkflows.calculators import create, describe, parameters, permit, refuse_written, with_permission
from alworkflows.errors import InputError
from alworkflows.labelling import label
from alworkflows.settings import CalculatorSettings, LabelSettings

EMT = "ase.calculators.emt:EMT"


def any_ase(path, **arguments):
    values = {"class": path, "arguments": arguments, "package": "ase", "energy": "potential"}
    return CalculatorSettings(name="ase", parameters=values)


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A package whose import leaves a file; returns that file."""
    trace = tmp_path / "trace"
    package = tmp_path / "foreign_calculators"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    (package / "mine.py").write_text("from ase.calculators.emt import EMT\n\n\nclass Mine(EMT):\n    pass\n\n\nmaker = EMT\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield trace
    for name in [name for name in sys.modules if name.startswith("foreign_calculators")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("os:system", {"command": "touch {trace}"}),
        ("subprocess:run", {"args": ["touch", "{trace}"]}),
        ("foreign_calculators.mine:Mine", {}),
        ("foreign_calculators:Mine", {}),
        # ASE's own, which start what they are told to
        ("ase.calculators.calculator:FileIOCalculator", {"command": "touch {trace}"}),
        ("ase.calculators.lammpslib:LAMMPSlib", {"lmpcmds": ["shell touch {trace}"]}),
        ("ase.calculators.emt:os", {}),
    ],
)
def test_nothing_runs_that_nobody_allowed(foreign, path, arguments):
    given = {
        key: [item.format(trace=foreign) for item in value] if isinstance(value, list) else value.format(trace=foreign)
        for key, value in arguments.items()
    }
    settings = any_ase(path, **given)
    parameters(settings).installed()
    for action in (create, describe):
        with pytest.raises(InputError, match=r"it would import .*--allow-import"):
            action(settings)
    with pytest.raises(InputError, match="--allow-import"):
        label([bulk("Cu")], LabelSettings(calculator=settings), print)
    assert not foreign.exists()


def test_what_was_allowed_runs(foreign):
    settings = permit(any_ase("foreign_calculators.mine:Mine"))
    assert not foreign.exists()
    assert type(create(settings)).__name__ == "Mine"
    assert foreign.exists()


@pytest.mark.parametrize("path", ["os:system", "foreign_calculators.mine:maker.__init__", "a b:C", "os:system\n"])
def test_only_classes_of_calculators_are_called(path):
    with pytest.raises(InputError, match=r"derived from ASE's calculator|expected 'module:Class'"):
        create(permit(any_ase(path)))


def test_a_function_that_makes_calculators_is_no_class(foreign):
    with pytest.raises(InputError, match=r"derived from ASE's calculator, got ase.calculators.emt:np"):
        create(permit(any_ase("ase.calculators.emt:np")))


def test_permission_is_of_one_thing_and_no_other():
    allowed = permit(any_ase("ase.calculators.demon:Demon", command="demon")).allowed
    for other in (any_ase("ase.calculators.demon:Demon", command="rm"), any_ase("ase.calculators.demon:Other", command="demon")):
        with pytest.raises(InputError, match="what was allowed is another thing"):
            create(other.model_copy(update={"allowed": allowed}))


def test_ase_s_own_that_only_compute_need_none():
    assert permit(any_ase(EMT)).allowed is None
    assert create(any_ase(EMT)).name == "emt"


@pytest.mark.parametrize(
    ("command", "is_free"),
    [
        ("cp2k_shell", True),
        ("cp2k.psmp -s", True),
        ("cp2k_shell.ssmp", True),
        ("touch x; cp2k_shell", False),
        ("./cp2k_shell", False),
        ("cp2k_shell & touch x", False),
        ("mpirun -np 4 cp2k_shell", False),
        ("cp2k_shell\ntouch x", False),
    ],
)
def test_a_command_that_is_not_the_program_by_its_name(command, is_free):
    settings = CalculatorSettings(name="cp2k", parameters={"command": command})
    assert (parameters(settings).foreign() is None) is is_free
    if not is_free:
        with pytest.raises(InputError, match="it would start the command"):
            describe(settings)


def test_a_checkpoint_is_allowed_by_its_content(tmp_path):
    path = tmp_path / "weights.model"
    path.write_bytes(b"one")
    settings = CalculatorSettings(name="mace", parameters={"checkpoint": str(path)})
    with pytest.raises(InputError, match=r"it would load the checkpoint weights.model"):
        create(settings)
    allowed = permit(settings)
    path.write_bytes(b"another")
    with pytest.raises(InputError, match="what was allowed is another thing"):
        create(allowed)


@pytest.mark.parametrize("model", ["/tmp/evil.pth", "../evil", "evil/weights", ""])
def test_weights_of_a_package_are_no_path(model):
    with pytest.raises(InputError, match="name of weights in the package"):
        parameters(CalculatorSettings(name="sevennet", parameters={"model": model}))


def test_weights_of_a_package_are_no_file_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7net-0").write_bytes(b"pickle")
    with pytest.raises(InputError, match="name of weights in the package"):
        parameters(CalculatorSettings(name="sevennet").model_copy(update={"parameters": {"model": "7net-0"}}))


@pytest.mark.parametrize("nested", [True, False])
def test_a_file_cannot_allow_itself(nested):
    label = {"calculator": {"name": "ase", "allowed": "import os:system"}}
    with pytest.raises(InputError, match="a person says that, with --allow-import"):
        refuse_written({"label": label} if nested else label, "zno.yaml")
    refuse_written({"label": {"calculator": {"name": "ase", "allowed": None}}}, "zno.yaml")


def test_a_person_allows_what_settings_ask_for():
    settings = LabelSettings(calculator=any_ase("ase.calculators.demon:Demon"))
    with pytest.raises(InputError, match=r"^zno.yaml: calculator ase: it would import ase.calculators.demon:Demon"):
        with_permission(settings, False, "zno.yaml")
    allowed = with_permission(settings, True, "zno.yaml")
    assert allowed.calculator.allowed == "import ase.calculators.demon:Demon"
    assert with_permission(allowed, False, "zno.yaml") == allowed
