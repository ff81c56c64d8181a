"""Labelled frames that a campaign begins with: where they may come from, how they are divided, what is refused."""

import zipfile

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Int, WorkChainNode, load_node
from aiida.tools.archive import create_archive

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, labels
from alworkflows.settings import Campaign, parse
from workchains.data.frames import FramesData
from workchains.loop.given import divide_given
from workchains.loop.given_apart import require_once
from workchains.loop.given_sources import find_given

EMT = {"name": "emt"}


def campaign(*start, species=("Cu",)):
    stage = {"name": "melt", "sampler": {"name": "surface-melt"}, "structures": ["copper"]}
    return parse(
        Campaign,
        {
            "name": "copper",
            "species": list(species),
            "structures": {"copper": {"prototype": "zno-wurtzite"}},
            "stages": [stage],
            "start": list(start),
        },
    )


@pytest.fixture
def written(tmp_path, make_frames):
    """Return a folder with labelled frames in a file."""
    frames_io.write(tmp_path / "labelled.xyz", make_frames(10, labelled=True))
    return tmp_path


def test_a_file_is_taken_at_its_word_and_the_record_says_so(aiida_profile_clean, written):
    sources, uses = find_given(campaign({"file": "labelled.xyz", "test_share": 0.3}), written)
    ((key, node),) = sources.items()
    assert key == "given_00_00"
    assert uses == {key: {"use": "divide", "test_share": 0.3}}
    assert len(node) == 10
    assert node.engine["given"] == "labelled.xyz"
    assert len(node.engine["sha256"]) == 16
    assert node.get_frames()[3].info["origin"]["index"] == 3


def test_labels_of_our_own_keep_their_engine(aiida_profile_clean, tmp_path, make_frames):
    frames_io.save(tmp_path / "ours.npz", make_frames(4, labelled=True), {"engine": EMT})
    (node,) = find_given(campaign({"file": "ours.npz"}), tmp_path)[0].values()
    assert node.engine == EMT


def test_a_campaign_gives_its_batches_and_its_test_frames_as_what_they_are(
    aiida_profile_clean, tmp_path, make_frames, store_process
):
    made = {
        f"{name}__iteration_01": FramesData.from_frames(make_frames(3, labelled=True, first=first), {"engine": EMT}).store()
        for name, first in (("batches", 0), ("tests", 10))
    }
    other = store_process(WorkChainNode, "ActiveLearningWorkChain", outputs=made)
    sources, uses = find_given(campaign({"node": str(other.pk)}), tmp_path)
    assert {uses[key]["use"]: node.pk for key, node in sources.items()} == {
        "train": made["batches__iteration_01"].pk,
        "test": made["tests__iteration_01"].pk,
    }
    assert list(sources) == ["given_00_00", "given_00_01"]
    empty = store_process(WorkChainNode, "ActiveLearningWorkChain")
    with pytest.raises(InputError, match="has no labelled frames"):
        find_given(campaign({"node": str(empty.pk)}), tmp_path)


def spoil_archives(folder):
    """Write archives of one node: one whose database is garbage, one cut short, one that is some other zip file."""
    node = Int(1).store()
    create_archive([node], filename=folder / "sound.aiida")
    with zipfile.ZipFile(folder / "sound.aiida") as sound, zipfile.ZipFile(folder / "garbage.aiida", "w") as garbage:
        for name in sound.namelist():
            garbage.writestr(name, b"garbage" * 1000 if name == "db.sqlite3" else sound.read(name))
    (folder / "cut.aiida").write_bytes((folder / "sound.aiida").read_bytes()[:-100])
    with zipfile.ZipFile(folder / "other.aiida", "w") as other:
        other.writestr("a.txt", "text")


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"file": "missing.xyz"}, "start.0.file: .*missing.xyz: no such file"),
        ({"file": "bare.xyz"}, "start.0.file: .*3 of 3 frames have no energy"),
        ({"node": "999999"}, "no node with the PK or UUID '999999'"),
        ({"archive": "missing.aiida", "node": "abcd"}, "start.0.archive: .*no such file"),
        ({"archive": "bare.xyz", "node": "abcd"}, "start.0.archive: .*cannot be imported"),
        ({"archive": "garbage.aiida", "node": "abcd"}, "start.0.archive: .*garbage.aiida: cannot be imported: [^\n]*$"),
        ({"archive": "cut.aiida", "node": "abcd"}, "start.0.archive: .*cut.aiida: cannot be imported"),
        ({"archive": "other.aiida", "node": "abcd"}, "start.0.archive: .*other.aiida: cannot be imported"),
    ],
)
def test_a_source_that_cannot_be_used_is_told(aiida_profile_clean, written, make_frames, start, message):
    frames_io.write(written / "bare.xyz", make_frames(3))
    spoil_archives(written)
    with pytest.raises(InputError, match=message):
        find_given(campaign(start), written)


def test_other_species_repeated_frames_and_two_engines_are_refused(aiida_profile_clean, written, make_frames):
    with pytest.raises(InputError, match=r"start\.0: expected the species Zn, O, got also Cu"):
        find_given(campaign({"file": "labelled.xyz"}, species=("Zn", "O")), written)
    with pytest.raises(InputError, match=r"start\.1: 10 of 10 frames are in an earlier source too"):
        find_given(campaign({"file": "labelled.xyz"}, {"file": "labelled.xyz"}), written)
    nodes = [
        FramesData.from_frames(make_frames(2, labelled=True, first=50 + 5 * k), {"engine": {"name": name}}).store()
        for k, name in enumerate(("emt", "lj"))
    ]
    with pytest.raises(InputError, match="labels of two engines"):
        find_given(campaign(*({"node": node.uuid} for node in nodes)), written)
    # frames that a person vouches for go with any
    sources, _ = find_given(campaign({"file": "labelled.xyz"}, {"node": nodes[0].uuid}), written)
    assert list(sources) == ["given_00_00", "given_01_00"]


def moved(frames, rng, by=0.0):
    """Return frames with their atoms in another order, each moved by a lattice vector and up to ``by`` along each axis."""
    other = []
    for frame in frames:
        order = rng.permutation(len(frame))
        copy = frame[order]
        copy.positions += rng.integers(-1, 2, (len(frame), 3)) @ np.asarray(frame.cell) + rng.uniform(-by, by, (len(frame), 3))
        copy = attach_labels(copy, labels(frame).energy, labels(frame).forces[order])
        other.append(copy)
    return other


def test_a_frame_of_an_earlier_source_is_told_in_whatever_format(aiida_profile_clean, written, make_frames):
    frames_io.write(written / "again.xyz", moved(make_frames(10, labelled=True)[3:5], np.random.default_rng(1)))
    start = ({"file": "labelled.xyz"}, {"file": "again.xyz", "test_share": 1.0})
    message = r"start\.1: 2 of 2 frames are in .* \(first: again.xyz, frame 0 is labelled.xyz, frame 3\); give each frame once"
    with pytest.raises(InputError, match=message):
        find_given(campaign(*start), written)


def test_steps_of_one_run_are_named_in_the_record_of_the_later_source(aiida_profile_clean, written, make_frames):
    near = moved(make_frames(10, labelled=True)[3:5], np.random.default_rng(1), by=0.004)
    frames_io.write(written / "next.xyz", near)
    sources, _ = find_given(campaign({"file": "labelled.xyz"}, {"file": "next.xyz", "test_share": 1.0}), written)
    (line,) = sources["given_01_00"].base.attributes.get("reading")["lines"]
    assert line.startswith("2 of 2 frames lie within 0.01 A of one of an earlier source (first: next.xyz, frame 0 is 0.00")
    assert not sources["given_00_00"].base.attributes.get("reading")["lines"]


def test_labels_of_one_source_that_contradict_each_other_are_refused(aiida_profile_clean, written, make_frames):
    frames = make_frames(4, labelled=True)
    twin = moved(frames[1:2], np.random.default_rng(1))[0]
    other = attach_labels(twin, labels(twin).energy + 0.5, labels(twin).forces)
    frames_io.write(written / "mixed.xyz", [*frames, other])
    with pytest.raises(
        InputError, match=r"start\.0: 1 of 5 frames stand there again with other labels .* differs by .* meV/atom"
    ):
        find_given(campaign({"file": "mixed.xyz"}), written)
    frames_io.write(written / "twice.xyz", [*frames, frames[2]])
    with pytest.raises(
        InputError, match=r"start\.0\.file: .*twice.xyz: 1 of 5 frames stand there more than once \(first: frame 4\)"
    ):
        find_given(campaign({"file": "twice.xyz"}), written)


def test_frames_near_each_other_are_not_parted(aiida_profile_clean, make_frames):
    rng = np.random.default_rng(1)
    runs = [[frame, *moved([frame] * 3, rng, by=0.002)] for frame in make_frames(6, labelled=True)]
    frames = FramesData.from_frames([frame for run in runs for frame in run], {"engine": EMT})
    parts = divided(frames, use="divide")
    numbers = [frames.ids.index(identity) for identity in parts["test"].ids]
    assert len(numbers) == 4  # 7 were asked for, and there are fours
    assert len({number // 4 for number in numbers}) == 1
    one = FramesData.from_frames(runs[0], {"engine": EMT})
    assert set(divided(one, use="divide")) == {"fingerprints", "batch"}
    (notes,) = require_once({0: {"a": one}}, {"a": {"use": "divide", "test_share": 0.3}}).values()
    assert "4 of 4 frames lie within 0.01 A of another" in notes[0]
    assert "there are no test frames" in notes[0]


def test_a_node_of_another_kind_is_refused(aiida_profile_clean, tmp_path):
    with pytest.raises(InputError, match="expected a campaign or labelled frames"):
        find_given(campaign({"node": Dict({}).store().uuid}), tmp_path)


def divided(frames, **settings):
    marks = ArrayData()
    marks.set_array("fingerprints", np.arange(2.0 * len(frames)).reshape(-1, 2))
    return divide_given(frames=frames, deviation=marks, settings=Dict({"test_share": 0.3, **settings}), seed=Int(4))


def test_frames_are_divided_at_random_by_a_stored_seed(aiida_profile_clean, make_frames):
    frames = FramesData.from_frames(make_frames(10, labelled=True), {"engine": EMT})
    parts, again = divided(frames, use="divide"), divided(frames, use="divide")
    assert (len(parts["batch"]), len(parts["test"])) == (7, 3)
    assert parts["test"].ids == again["test"].ids
    assert not set(parts["test"].ids) & set(parts["batch"].ids)
    # all are known, and diversity begins from those to train on
    assert sorted(parts["fingerprints"].base.attributes.get("ids")) == sorted(frames.ids)
    rows = [frames.ids.index(identity) for identity in parts["batch"].ids]
    np.testing.assert_array_equal(parts["fingerprints"].get_array("fingerprints")[:, 0], 2.0 * np.array(rows))
    assert parts["batch"].engine == EMT
    assert load_node(parts["batch"].pk).creator.process_label == "divide_given"


@pytest.mark.parametrize(("use", "known"), [("train", 4), ("test", 0)])
def test_frames_whose_use_is_known_are_only_marked(aiida_profile_clean, make_frames, use, known):
    parts = divided(FramesData.from_frames(make_frames(4, labelled=True), {"engine": EMT}), use=use)
    assert set(parts) == {"fingerprints"}
    assert len(parts["fingerprints"].get_array("fingerprints")) == known
