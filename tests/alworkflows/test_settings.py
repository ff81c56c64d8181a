import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import alworkflows.settings as settings
from alworkflows.errors import InputError
from alworkflows.settings import (
    Campaign,
    GivenData,
    LinearSettings,
    MeltSettings,
    ModelSettings,
    PlipSettings,
    QuenchSettings,
    StructureSettings,
    UniversalSettings,
    merge,
    parse,
    read_yaml,
)


def make(**changes: Any) -> dict[str, Any]:
    """The smallest campaign, with changes at the top."""
    data = {
        "name": "small",
        "species": ["Zn", "O"],
        "structures": {"w": {"prototype": "zno-wurtzite"}},
        "stages": [{"name": "melt", "sampler": {"name": "melt"}, "structures": ["w"]}],
    }
    return copy.deepcopy({**data, **changes})


def stage(**changes: Any) -> dict[str, Any]:
    return {"stages": [{"name": "melt", "sampler": {"name": "melt"}, "structures": ["w"], **changes}]}


def sampler(**changes: Any) -> dict[str, Any]:
    return stage(sampler={"name": "melt", **changes})


def test_the_smallest_campaign_is_valid_and_survives_a_round_trip() -> None:
    campaign = parse(Campaign, make())
    assert campaign.stages[0].sampler == MeltSettings()
    assert parse(Campaign, campaign.model_dump(mode="json")) == campaign


DEFAULTED = [
    model
    for model in vars(settings).values()
    if isinstance(model, type)
    and issubclass(model, BaseModel)
    and model.__module__.startswith(settings.__name__)
    and not any(field.is_required() for field in model.model_fields.values())
    and model not in (StructureSettings, GivenData)
]


@pytest.mark.parametrize("model", DEFAULTED, ids=lambda model: model.__name__)
def test_every_default_passes_its_own_checks(model: type[BaseModel]) -> None:
    assert len(DEFAULTED) >= 12
    assert model.model_validate(model().model_dump(mode="json")) == model()


@pytest.mark.parametrize("model", DEFAULTED, ids=lambda model: model.__name__)
def test_numbers_say_their_unit_or_meaning(model: type[BaseModel]) -> None:
    unclear = {"cutoff", "members", "name", "lower", "upper", "quantities"}  # told by their name or their class
    for name, field in model.model_fields.items():
        if field.annotation in (float, int) and name not in unclear:
            assert field.description, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5.0), ("5", 5.0), ("5 fs", 5.0), ("5fs", 5.0), (" 1.5 ps ", 1500.0), ("2e-3 ns", 2000.0), ("1E1 ps", 1e4)],
)
def test_times(value: Any, expected: float) -> None:
    assert parse(MeltSettings, {"duration": value}).duration == pytest.approx(expected)


@pytest.mark.parametrize(
    ("model", "key", "value", "expected"),
    [
        (PlipSettings, "cutoff", "0.6 nm", 6.0),
        (PlipSettings, "cutoff", "600 pm", 6.0),
        (PlipSettings, "cutoff", "6 Å", 6.0),
        (MeltSettings, "pressure", "10 kbar", 1.0),
        (MeltSettings, "pressure", "-1 eV/A^3", -160.21766208),
        (QuenchSettings, "density", "5600 kg/m^3", 5.6),
        (QuenchSettings, "rate", "1 K/fs", 1000.0),
        (settings.LabelSettings, "largest_force", "500 meV/A", 0.5),
    ],
)
def test_units_are_converted(model: Any, key: str, value: str, expected: float) -> None:
    assert getattr(parse(model, {key: value}), key) == pytest.approx(expected)


BAD = [
    (make(spieces=["Zn"]), "unknown key 'spieces' (did you mean 'species'?)"),
    (make(species=["Zn", "Ox"]), "species: unknown chemical symbol 'Ox' (did you mean 'O'?)"),
    (make(species=["Zn", "Zn"]), "species: expected each symbol once, got ['Zn', 'Zn']"),
    (make(species=[]), "species: expected at least 1 entry, got []"),
    (make(species="Zn"), "species: expected a list, got 'Zn'"),
    (make(seed="a"), "seed: expected a valid integer"),
    (make(**sampler(temprature=[1, 2])), "unknown key 'stages.0.sampler.melt.temprature' (did you mean 'temperature'?)"),
    (make(**sampler(temperature=[1, "2 Kelvin"])), "temperature.1: unknown unit 'Kelvin' for a temperature (K); known: K"),
    (
        make(**sampler(temperature=["hot", 2])),
        "temperature.0: expected a temperature (K), a number or a text like '1 K', got 'hot'",
    ),
    (make(**sampler(temperature=[300])), "temperature.1: missing"),
    (make(**sampler(duration="10 pss")), "duration: unknown unit 'pss' for a time (fs) (did you mean 'ps'?)"),
    (make(**sampler(duration="10 A")), "duration: unknown unit 'A' for a time (fs)"),
    (make(**sampler(duration="-1 ps")), "duration: expected greater than 0, got '-1 ps'"),
    (make(**sampler(duration=float("nan"))), "duration: expected a finite number, got nan"),
    (make(**sampler(duration=float("inf"))), "duration: expected a finite number, got inf"),
    (make(**sampler(duration="1e999 ps")), "duration: expected a finite number"),
    (make(**sampler(pressure=float("nan"))), "pressure: expected a finite number, got nan"),
    (
        make(**sampler(name="mlt")),
        "stages.0.sampler: unknown name 'mlt' (did you mean 'melt'?); known: melt, surface-melt, quench",
    ),
    (make(**stage(sampler={})), "stages.0.sampler: expected a 'name'"),
    (make(**stage(sampler="melt")), "stages.0.sampler: expected a mapping of keys, got 'melt'"),
    (make(**stage(structures=["v"])), "stages.melt.structures: no structure 'v'; known: w"),
    (make(**stage(structures=[])), "stages.0.structures: expected at least 1 entry, got []"),
    (make(**stage(itertions=2)), "unknown key 'stages.0.itertions' (did you mean 'iterations'?)"),
    (make(**stage(sampler={"name": "quench"})), "the first stage has no ensemble to drive 'quench'; begin with one"),
    (make(stages=stage()["stages"] * 2), "stages: expected each name once, got ['melt', 'melt']"),
    (make(stages=[]), "stages: expected at least 1 entry, got []"),
    (make(stages={}), "stages: expected a list, got a mapping"),
    (make(structures={}), "structures: expected at least 1 entry"),
    (
        make(structures={"w": {"prototype": "x", "suprcell": [1, 1, 1]}}),
        "unknown key 'structures.w.suprcell' (did you mean 'supercell'?)",
    ),
    (
        make(structures={"w": {"prototype": "x", "supercell": [0, 1, 1]}}),
        "structures.w.supercell.0: expected greater than or equal to 1",
    ),
    (make(structures={"w": {"prototype": "x", "vacuum": "12 fs"}}), "structures.w.vacuum: unknown unit 'fs' for a length (A)"),
    (
        make(structures={"w": {"prototype": "x", "miller": [0, 0, 0]}}),
        "structures.w: expected Miller indices that are not all zero",
    ),
    (make(structures={"w": {}}), "structures.w: expected exactly one of prototype, file, crystal"),
    (make(structures={"w": {"prototype": "x", "file": "y"}}), "structures.w: expected exactly one of prototype, file, crystal"),
    (make(model={"members": 1}), "model: members: expected at least two in all, so that they can disagree, got 1"),
    (make(model={"members": 12}), "model: expected at least as many folds as members (12), got 10"),
    (make(model={"descriptors": {"l": [0, 0]}}), "model.descriptors: expected distinct l between 0 and 8, got [0, 0]"),
    (make(model={"descriptors": {"m": [1]}}), "model.descriptors: expected distinct m between 2 and 9, got [1]"),
    (
        make(model={"descriptors": {"functions": [{"family": "gaussian", "widths": [0.0]}]}}),
        "functions.0.gaussian.widths.0: expected greater than 0, got 0.0",
    ),
    (
        make(model={"fit": {"quantities": ["energie"]}}),
        "model.fit.quantities.0: expected 'energy', 'forces' or 'stress' (did you mean 'energy'?)",
    ),
    (make(selection={"levels": {"lower": 3, "upper": 2}}), "selection.levels: expected upper above lower (3), got 2"),
    (
        make(selection={"levels": {"kind": "relativ"}}),
        "expected 'calibrated', 'relative' or 'absolute' (did you mean 'relative'?)",
    ),
    (make(selection={"test_share": 1.1}), "selection.test_share: expected less than or equal to 1, got 1.1"),
    (
        make(selection={"geometry": {"volume_per_atom": [5, 2]}}),
        "expected volume_per_atom as [smallest, largest], got [5.0, 2.0]",
    ),
    (make(label={"calculator": "emt"}), "label.calculator: expected a mapping of keys, got 'emt'"),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_bad_input_is_one_line_that_says_where_and_what(data: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(Campaign, data, "zno.yaml")
    text = str(caught.value)
    assert text.startswith("zno.yaml: ")
    assert message in text
    assert len(text.splitlines()) == 1, "one mistake, one line"


def test_several_mistakes_are_told_together() -> None:
    with pytest.raises(InputError) as caught:
        parse(Campaign, make(seeed=1, **sampler(timestep=0)), "zno.yaml")
    assert len(str(caught.value).splitlines()) == 2


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(Campaign, make()).seed = 2  # type: ignore[misc]


def test_merge_goes_key_by_key_and_leaves_its_arguments() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert merge(base, {"a": {"c": [3]}, "e": 4}) == {"a": {"b": 1, "c": [3]}, "d": 3, "e": 4}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1", r"not valid YAML: .*line 1, column"),
        (b"- 1\n- 2\n", "expected a mapping of keys, got list"),
        (b"", "expected a mapping of keys, got nothing"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"seed: 1\nseed: 2\n", "not valid YAML: the key 'seed' is given twice"),
        (b"a: {b: 1, b: 2}\n", "the key 'b' is given twice"),
        (b"a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_bad_yaml(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"(?s)c\.yaml: .*{message}"):
        read_yaml(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such file"):
        read_yaml(tmp_path / "nowhere.yaml")


# ------------------------------------------------------------------------------------------------ groups of a model


def test_a_model_is_one_group_or_a_list_and_says_so_again() -> None:
    one = parse(ModelSettings, {"members": 3})
    assert one.groups == (LinearSettings(members=3),)
    assert isinstance(one.model_dump(mode="json"), dict)
    several = parse(ModelSettings, [{"members": 5}, {"class": "universal", "weights": "r2scan"}])
    assert [group.class_ for group in several.groups] == ["linear", "universal"]
    assert (several.members, several.is_trained) == (6, True)
    assert [group["class"] for group in several.model_dump(mode="json")] == ["linear", "universal"]
    for model in (one, several):
        assert parse(ModelSettings, model.model_dump(mode="json")) == model


def test_a_model_of_pretrained_members_alone_is_not_trained() -> None:
    assert not ModelSettings.of(UniversalSettings(), UniversalSettings(weights="0.2.0")).is_trained


def test_a_model_that_needs_a_transfer_set_can_do_without() -> None:
    waiting = parse(ModelSettings, [{"fit": {"rule": "transfer"}}, {"fit": {"rule": "best"}}, {"class": "universal"}])
    assert waiting.needs_transfer_set
    for_now = waiting.without_transfer_set()
    assert not for_now.needs_transfer_set
    assert [group.fit.rule for group in for_now.groups[:2]] == ["one-standard-error", "best"]  # type: ignore[attr-defined]
    assert for_now.groups[1:] == waiting.groups[1:]
    # a number of terms leaves the rule nothing to choose
    assert not parse(ModelSettings, {"fit": {"rule": "transfer", "terms": 9}}).needs_transfer_set


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"class": "linaer"}, "model: unknown class 'linaer' (did you mean 'linear'?); known: linear, universal"),
        ([{}, {"class": "univresal"}], "model.1: unknown class 'univresal' (did you mean 'universal'?)"),
        ({"fit": {"trems": 3}}, "unknown key 'model.fit.trems' (did you mean 'terms'?)"),
        ([{"fit": {"trems": 3}}], "unknown key 'model.0.fit.trems' (did you mean 'terms'?)"),
        ([{}, {"class": "universal", "wieghts": 1}], "unknown key 'model.1.universal.wieghts' (did you mean 'weights'?)"),
        ({"descriptors": {"name": "chebishev"}}, "model.descriptors: unknown name 'chebishev' (did you mean 'chebyshev'?)"),
        ([{"members": 2}, {"members": 2}], "model: 1: the same as 0: its members would be copies"),
        (None, "model: expected a mapping, or a list of groups, got nothing"),
        ([{"class": "universal"}, {}, {"class": "universal"}], "model: 2: the same as 0: its members would be copies"),
        ([{"class": "universal"}], "model: members: expected at least two in all"),
        ([{}, {"class": "universal", "members": 2}], "model.1.universal.members: expected less than or equal to 1, got 2"),
        ([], "model: expected at least 1 entry, got []"),
        (3, "model: expected a mapping, or a list of groups, got 3"),
    ],
)
def test_groups_that_cannot_be(model: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(Campaign, make(model=model), "zno.yaml")
    assert message in str(caught.value)


def test_what_works_on_linear_members_alone_asks_for_them() -> None:
    assert ModelSettings().linear("pool") == LinearSettings()
    with pytest.raises(InputError, match=r"^pool: expected one group of linear .*, got 5 of class linear, 1 of class universal$"):
        ModelSettings.of(LinearSettings(), UniversalSettings()).linear("pool")
