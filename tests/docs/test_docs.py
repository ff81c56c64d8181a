"""The documentation says what the code does: generated pages are complete, examples are valid."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from alworkflows.jobs import VERBS
from alworkflows.settings import Campaign, Stage, parse

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"generated", "_build"} & set(path.parts))


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("generated")
    module.generate(folder)
    return {path.stem: path.read_text() for path in folder.glob("*.md")}


def test_every_key_of_a_campaign_stands_with_its_default(generated):
    text = generated["campaign"]
    for model in (Campaign, Stage):
        for name in model.model_fields:
            assert f"| `{name}` |" in text
    for heading in ("MeltSettings", "QuenchSettings", "FitSettings", "TrustLevels"):
        assert f"## {heading}\n" in text
    assert f"| `iterations` | integer | `{Stage.model_fields['iterations'].default}` |" in text


def test_every_link_between_sections_of_the_campaign_page_ends_somewhere(generated):
    text = generated["campaign"]
    sections = {heading.lower() for heading in re.findall(r"^## (\w+)$", text, re.M)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= sections


def test_every_key_of_a_job_stands_with_its_meaning(generated):
    text = generated["jobs"]
    for name, verb in VERBS.items():
        assert f"## {name}\n" in text
        for model in (verb.spec, verb.result, verb.unfinished):
            for key, field in model.model_fields.items():
                assert f"| `{key}` |" in text
                assert field.description.replace("|", "\\|") in text
    sections = {heading.lower() for heading in re.findall(r"^###? (\w+)$", text, re.M)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= sections
    elsewhere = {heading.lower() for heading in re.findall(r"^## (\w+)$", generated["campaign"], re.M)}
    assert set(re.findall(r"\]\(campaign\.md#(\w+)\)", text)) <= elsewhere


def test_exit_codes_of_the_loop_are_listed(generated):
    from workchains.processes.exit_statuses import CampaignStatus, exit_label

    for status in CampaignStatus:
        assert f"| {status} | `{exit_label(status)}` |" in generated["exit-codes"]


def test_every_command_has_its_help(generated):
    from alworkflows.cli.main import group

    for name in group.commands:
        assert f"## alworkflows {name}\n" in generated["commands"]
    assert "## alworkflows report\n" in generated["commands"]


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for page in PAGES:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.S):
            names = [line for line in block.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    assert {page.resolve() for page in PAGES if page.name != "index.md" or page.parent != DOCS} <= listed


def test_links_between_pages_end_somewhere(generated):
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            path = (page.parent / target).resolve()
            assert path.exists() or (path.parent.name == "generated" and path.stem in generated), f"{page.name}: {target}"


def blocks(language):
    found = [(page.name, text) for page in PAGES for text in re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)]
    return [pytest.param(text, id=f"{name}-{number}") for number, (name, text) in enumerate(found)]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_campaigns_in_examples_are_valid(text, tmp_path):
    from workchains.campaigns import load

    data = yaml.safe_load(text)
    if "material" in data:
        path = tmp_path / "campaign.yaml"
        path.write_text(text)
        assert load(path).name == data["name"]
    elif "name" in data:
        parse(Campaign, data)
    elif {"structures", "stages", "model"} & set(data):  # a part of one: the rest is that of the smallest campaign
        base = {
            "name": "base",
            "species": ["Zn", "O"],
            "structures": {"w": {"prototype": "zno-wurtzite"}, "pair": {"dimer": ["Zn", "O"]}},
            "stages": [{"name": "melt", "sampler": {"name": "melt"}, "structures": ["w"]}],
        }
        known = {key: value for key, value in data.items() if key in Campaign.model_fields}
        if "structures" in known:
            known["structures"] = {**base["structures"], **known["structures"]}
        parse(Campaign, {**base, **known})


@pytest.mark.parametrize("text", blocks("python"))
def test_python_examples_compile(text):
    compile(text.replace("{...,", "{**{},"), "example", "exec")


def test_a_model_is_a_group_or_a_list_of_groups(generated):
    text = generated["campaign"]
    assert "[LinearSettings](#linearsettings) or [UniversalSettings](#universalsettings), or a list of" in text
    assert "`root`" not in text
    assert "| `class` | `universal` |" in text
