from pathlib import Path
from typing import Any

import pytest
import yaml
from ase.build import bulk

from alworkflows.errors import InputError
from alworkflows.settings import Campaign, Convergence, MeltSettings, QuenchSettings, SurfaceMeltSettings, parse
from workchains.campaigns import inputs, load, materials, protocols, read_files, resolve, template
from workchains.campaigns.protocols import overlay

ZNO = ["balanced", "quick", "stringent"]


def write(path: Path, **keys: Any) -> Path:
    path.write_text(yaml.safe_dump(keys))
    return path


def test_what_there_is() -> None:
    assert set(materials()) == {"zno", "aufe", "generic"}
    assert sorted(protocols("zno")) == ZNO
    assert next(iter(protocols("zno"))) == "balanced", "the default one comes first"
    assert all(protocol.description for protocol in protocols("zno").values())


@pytest.mark.parametrize("protocol", ZNO)
def test_zinc_oxide_is_a_valid_campaign_of_three_stages(protocol: str) -> None:
    campaign = resolve("zno", protocol)
    samplers = [stage.sampler for stage in campaign.stages]
    assert [type(sampler) for sampler in samplers] == [MeltSettings, SurfaceMeltSettings, QuenchSettings]
    for stage in campaign.stages:
        candidates = stage.sampler.snapshots * len(stage.structures)
        assert stage.budget is not None
        assert candidates * (1 - campaign.selection.test_share) > stage.budget, f"{stage.name}: nothing to choose among"


def test_the_balanced_protocol_has_the_counts_of_the_study() -> None:
    melt, surfaces, amorphous = resolve("zno", "balanced").stages
    assert (len(melt.structures), len(surfaces.structures)) == (6, 7)
    labels = [(stage.budget or 0) * stage.iterations for stage in (melt, surfaces, amorphous)]
    assert labels == [6 * 20, 7 * 50, 58]


def test_protocols_differ_in_cost() -> None:
    def labels(name: str) -> int:
        return sum((stage.budget or 0) * stage.iterations for stage in resolve("zno", name).stages)

    assert 2 * labels("quick") < labels("balanced")
    assert 2 * labels("balanced") < labels("stringent")


@pytest.mark.parametrize("material", sorted(materials()))
def test_a_first_look_is_done_when_its_iterations_are_and_other_protocols_converge(material: str) -> None:
    def open_ended(protocol: str) -> set[str]:
        stages = inputs(material, protocol)["stages"]
        rules = {stage["name"]: Convergence(**stage.get("convergence", {})) for stage in stages}
        return {name for name, rule in rules.items() if rule.has_criterion}

    # without an ensemble to ask there is nothing to converge
    assert open_ended("quick") == {"melt"}
    assert open_ended("balanced") == open_ended("stringent") > {"melt"}


@pytest.mark.parametrize("protocol", ZNO)
def test_the_structures_can_be_built_and_are_of_a_sensible_size(protocol: str) -> None:
    from alworkflows.structures import build

    campaign = resolve("zno", protocol)
    for stage in campaign.stages:
        for name in stage.structures:
            spec = campaign.structures[name]
            atoms = build(spec, name)
            assert 32 <= len(atoms) <= 96, f"{name}: {len(atoms)} atoms"
            if spec.miller is not None:
                assert not atoms.info["polar"], name
                assert stage.name == "surfaces"


@pytest.mark.parametrize("protocol", ZNO)
def test_the_template_is_complete_and_means_the_protocol(tmp_path: Path, protocol: str) -> None:
    path = tmp_path / "zno.yaml"
    path.write_text(template("zno", protocol))
    assert load(path) == resolve("zno", protocol)
    data = yaml.safe_load(path.read_text())
    assert set(data) == set(Campaign.model_fields)
    assert set(data["model"]["fit"]) == set(resolve("zno").model.groups[0].fit.model_dump())
    assert f"protocol {protocol}" in path.read_text()


def test_the_template_explains_its_numbers() -> None:
    lines = template("zno", "quick").splitlines()
    assert any(line.lstrip().startswith("friction: 100.0") and "fs" in line.split("#")[1] for line in lines)
    assert any("committee size" in line for line in lines)
    # each sampler is told by its own sentence
    assert sum("Heat crystals with a classical potential" in line for line in lines) == 1


def test_the_generic_template_says_what_to_replace() -> None:
    text = template("generic")
    assert "TO BE REPLACED" in text
    with pytest.raises(InputError, match="species: unknown chemical symbol 'A'"):
        parse(Campaign, yaml.safe_load(text), "generic")


def test_the_generic_template_filled_in_is_a_campaign(tmp_path: Path) -> None:
    text = (
        template("generic", "quick")
        .replace("[A, B]", "[Mg, O]")
        .replace("A-A", "Mg-Mg")
        .replace("A-B", "Mg-O")
        .replace("B-B", "O-O")
    )
    text = text.replace("{d: null, alpha: null, r0: null}", "{d: 0.3, alpha: 1.2, r0: 2.1}")
    (tmp_path / "mgo.yaml").write_text(text)
    (tmp_path / "crystal.cif").write_text("")
    bulk("MgO", "rocksalt", a=4.21, cubic=True).write(tmp_path / "crystal.cif")
    campaign = load(tmp_path / "mgo.yaml")
    from alworkflows.potentials import resolve as potential

    sampler = campaign.stages[0].sampler
    assert isinstance(sampler, MeltSettings)
    assert potential(sampler.potential).species() == ("Mg", "O")
    files = read_files(campaign, tmp_path)
    assert set(files) == {"crystal", "slab"}
    assert [len(atoms) for atoms in files["crystal"]] == [8]


def test_an_unfilled_potential_is_refused() -> None:
    from alworkflows.potentials import resolve as potential

    with pytest.raises(InputError, match=r"expected a valid number, got None|unknown species 'A'"):
        potential(inputs("generic")["stages"][0]["sampler"]["potential"])


class TestLayers:
    def test_a_short_file_changes_only_what_it_says(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "c.yaml",
            material="zno",
            protocol="quick",
            seed=7,
            model={"members": 3},
            structures={"bct": {"supercell": [1, 1, 2]}},
            stages={"surfaces": {"iterations": 9, "sampler": {"duration": "1 ps"}}},
        )
        plain, changed = resolve("zno", "quick"), load(path)
        assert (changed.seed, changed.model.members) == (7, 3)
        assert changed.structures["bct"].supercell == (1, 1, 2)
        assert changed.structures["bct"].prototype == "zno-bct"
        surfaces = changed.stages[1]
        assert (surfaces.iterations, surfaces.sampler.duration) == (9, 1000.0)  # type: ignore[union-attr]
        assert surfaces.sampler.snapshots == plain.stages[1].sampler.snapshots
        assert changed.stages[0] == plain.stages[0]
        assert changed.model.groups[0].descriptors == plain.model.groups[0].descriptors

    def test_the_default_protocol(self, tmp_path: Path) -> None:
        assert load(write(tmp_path / "c.yaml", material="zno")) == resolve("zno", "balanced")

    def test_a_list_of_stages_replaces_them(self) -> None:
        only = [{"name": "melt", "sampler": {"name": "melt"}, "structures": ["bct"]}]
        assert [stage.name for stage in resolve("zno", overrides={"stages": only}).stages] == ["melt"]

    def test_settings_of_another_calculator_do_not_mix(self) -> None:
        first = {"label": {"calculator": {"name": "chgnet", "parameters": {"x": 1}}}}
        assert resolve("zno", overrides=first).label.calculator.parameters == {"x": 1}
        laid = overlay(overlay(inputs("zno"), first), {"label": {"calculator": {"name": "emt"}}})
        assert laid["label"]["calculator"] == {"name": "emt"}

    def test_laying_over_leaves_the_layers(self) -> None:
        before = inputs("zno", "quick")
        inputs("zno", "quick", {"structures": {"bct": {"supercell": [9, 9, 9]}}, "stages": {"melt": {"budget": 1}}})
        assert inputs("zno", "quick") == before

    def test_the_name_of_the_campaign_is_not_a_reason_to_replace_it(self) -> None:
        campaign = resolve("zno", "quick", {"name": "mine"})
        assert campaign.name == "mine"
        assert campaign.stages == resolve("zno", "quick").stages


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"material": "zon"}, r"unknown material 'zon' \(did you mean 'zno'\?\); known: aufe, generic, zno"),
        ({"material": "zno", "protocol": "quik"}, r"unknown protocol of zno 'quik' \(did you mean 'quick'\?\)"),
        ({"protocol": "quick"}, "'protocol: quick' needs 'material', one of aufe, generic, zno"),
        ({"material": "zno", "stages": {"surface": {}}}, r"unknown stage 'surface' \(did you mean 'surfaces'\?\)"),
        ({"material": "zno", "sed": 1}, r"unknown key 'sed' \(did you mean 'seed'\?\)"),
        ({"material": "zno", "stages": {"melt": {"budgt": 1}}}, r"unknown key 'stages.0.budgt' \(did you mean 'budget'\?\)"),
        ({"material": "zno", "species": ["Zn", "Ox"]}, "unknown chemical symbol 'Ox'"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"c\.yaml: .*{message}"):
        load(write(tmp_path / "c.yaml", **keys))


def test_a_structure_file_that_is_not_there(tmp_path: Path) -> None:
    campaign = resolve("zno", overrides={"structures": {"bct": {"prototype": None, "file": "nowhere.cif"}}})
    with pytest.raises(InputError, match=r"structures\.bct: .*nowhere\.cif: no such file"):
        read_files(campaign, tmp_path)


def test_unused_files_are_not_read(tmp_path: Path) -> None:
    campaign = resolve("zno", "quick", {"structures": {"cubane": {"prototype": None, "file": "nowhere.cif"}}})
    assert read_files(campaign, tmp_path) == {}
