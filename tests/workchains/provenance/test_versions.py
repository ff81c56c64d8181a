"""A campaign that another version stored: whatever would read its record says in one sentence which version reads it."""

import pytest
from aiida import orm
from click.testing import CliRunner
from pieces import copper, small_ensemble
from records import begun, returned, store

from alworkflows import __version__
from alworkflows.errors import InputError
from alworkflows.frames import frame_id
from workchains import provenance
from workchains.cli.costs import costs
from workchains.cli.export import export
from workchains.cli.lineage import lineage
from workchains.cli.replay import replay
from workchains.cli.report import report
from workchains.cli.resume import extend, resume
from workchains.cli.status import status
from workchains.loop.resuming import earlier
from workchains.machines import session
from workchains.provenance.versions import check_version, version_of

EMT = {"name": "emt"}


@pytest.fixture(scope="module")
def old(aiida_profile):
    """Return a campaign of 0.1.0, whose steps were children of the campaign itself."""
    aiida_profile.reset_storage()
    node = begun("old", state="finished", version="0.1.0")
    node.set_exit_status(0)
    store(orm.WorkChainNode, "SampleWorkChain", caller=node, key="iteration_01_sample")
    chain = store(orm.WorkChainNode, "LabelWorkChain", caller=node, key="iteration_01_label")
    batch, ensemble = copper(2, EMT), small_ensemble()
    returned(chain, batch=batch)
    train = store(orm.WorkChainNode, "TrainWorkChain", caller=node, key="iteration_01_train")
    fit = store(orm.CalcJobNode, "FitJob", caller=train, key="fit", inputs={"batches__batch_iteration_01": batch},
                outputs={"ensemble": ensemble, "report": orm.Dict({})})  # fmt: skip
    returned(node, batches__iteration_01=batch, ensembles__iteration_01=ensemble, ensemble=ensemble)
    node.fit, node.model, node.batch = fit, ensemble, batch
    return node


def sentence(node):
    return (
        f"campaign {node.pk} was made by alworkflows 0.1.0, whose records this version ({__version__}) does not read: "
        "install alworkflows 0.1.0 to read it, or launch its file anew; labels that are there are not paid for again"
    )


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (status, ()),
        (costs, ()),
        (replay, ()),
        (report, ("-o", "page")),
        (export, ("-o", "potential")),
        (lineage, ()),
        (resume, ()),
        (extend, ("more.yaml",)),
    ],
)
def test_commands_say_which_version_reads_it(old, monkeypatch, tmp_path, command, more):
    monkeypatch.setattr(session, "activate", lambda profile=None: None)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, [str(old.pk), *more])
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == sentence(old)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["model", "fit"])
def test_lineage_of_a_node_in_it_says_so_too(old, monkeypatch, what):
    monkeypatch.setattr(session, "activate", lambda profile=None: None)
    for more in ((), ("--json",)):
        result = CliRunner().invoke(lineage, [str(getattr(old, what).pk), *more])
        assert str(result.exception) == sentence(old)


@pytest.mark.parametrize(
    "question",
    [
        provenance.iterations,
        provenance.costs,
        lambda node: provenance.Places(node, []),
        earlier,
        lambda node: provenance.model_lineage(node.outputs.ensemble),
    ],
)
def test_so_do_the_questions_of_python(old, question):
    with pytest.raises(InputError) as caught:
        question(old)
    assert str(caught.value) == sentence(old)


def test_the_list_of_campaigns_still_has_it(old, monkeypatch):
    monkeypatch.setattr(session, "activate", lambda profile=None: None)
    result = CliRunner().invoke(status, [])
    assert result.exit_code == 0
    assert f"{old.pk}" in result.output


def test_frames_are_data_and_tell_their_way_whatever_version_made_them(old):
    (lineage,) = provenance.frame_lineage(frame_id(old.batch.get_frames()[0]))
    assert {event.kind for event in lineage.events} == {"label", "train"}


@pytest.mark.parametrize(
    ("plugin", "read"),
    [
        (__version__, True),
        (".".join([*__version__.split(".")[:2], "99"]), True),
        ("0.1.9", False),
        ("99.0.0", False),
        (None, True),  # stored by hand
    ],
)
def test_versions_that_differ_in_the_last_number_alone_read_each_other(aiida_profile, plugin, read):
    node = begun("some", version=plugin)
    assert version_of(node) == plugin
    if read:
        check_version(node)
    else:
        with pytest.raises(InputError, match="does not read"):
            check_version(node)
