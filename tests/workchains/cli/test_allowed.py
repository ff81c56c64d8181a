"""What a person allows, and changed settings that ask for more than was."""

import pytest

from alworkflows.errors import InputError
from workchains.cli.label import _settings
from workchains.cli.resume import _changes, _merge

ASKING = {"name": "ase", "parameters": {"class": "a.b:C", "package": "ase", "energy": "potential"}}


def options(*pairs, source=None, allow=False):
    return _settings("ase", None, source, pairs, None, allow)


PAIRS = (
    "calculator.name=ase",
    "calculator.parameters.class=a.b:C",
    "calculator.parameters.package=ase",
    "calculator.parameters.energy=potential",
)


def test_labels_by_hand_ask_too():
    with pytest.raises(InputError, match=r"label settings: calculator ase: it would import a.b:C.*--allow-import"):
        options(*PAIRS)
    assert options(*PAIRS, allow=True).calculator.allowed == "import a.b:C"
    with pytest.raises(InputError, match="a person says that"):
        options(*PAIRS, "calculator.allowed=import a.b:C")


def test_a_file_of_settings_cannot_allow_itself(tmp_path):
    path = tmp_path / "label.yaml"
    path.write_text("label:\n  calculator: {name: ase, allowed: import a.b:C}\n")
    for allow in (True, False):
        with pytest.raises(InputError, match=r"label.yaml: calculator.allowed: a person says that"):
            options(source=str(path), allow=allow)


@pytest.mark.parametrize("text", ["label.calculator.allowed=import a.b:C", "label={calculator: {allowed: import a.b:C}}"])
def test_changes_cannot_allow_themselves(text):
    with pytest.raises(InputError, match="a person says that"):
        _changes(None, (text,))


def test_what_was_allowed_stays_with_its_calculator_and_goes_with_another():
    old = {"label": {"calculator": {**ASKING, "allowed": "import a.b:C"}}}
    same = _merge(old, *_changes(None, ("label.chunk=3",)))
    assert same["label"]["calculator"]["allowed"] == "import a.b:C"
    other = _merge(old, *_changes(None, ("label.calculator.name=emt",)))
    assert other["label"]["calculator"] == {"name": "emt"}
