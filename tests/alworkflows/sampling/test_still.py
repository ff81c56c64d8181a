"""Samplers without dynamics, melts of particles, and frames of a user's own."""

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.errors import InputError, SimulationError
from alworkflows.frames import frame_id, write
from alworkflows.sampling import check_sampler, parse_sampler, sample
from alworkflows.settings import StructureSettings, parse
from alworkflows.structures import build, build_all, crystal, shortest_distance

PARTICLE = {"particle": {"a": 3.9, "species": {"Fe": 30, "Au": 25}, "order": "janus"}}


def run(settings, structure, seed=1):
    frames = []
    report = sample(parse_sampler(settings), structure, "start", seed, frames.append)
    assert report.frames == len(frames)
    return frames


def structure(**settings):
    return build(parse(StructureSettings, settings), "start")


def test_rattle_displaces_as_told_and_strains_the_cell():
    start = crystal("zno-wurtzite").repeat((3, 3, 3))
    frames = run({"name": "rattle", "displacements": [0.05, 0.15], "strain": 0.02, "snapshots": 8}, start)
    assert len({frame_id(frame) for frame in frames}) == 8
    for number, frame in enumerate(frames):
        assert frame.info["origin"]["displacement"] == [0.05, 0.15][number % 2]
        strained = start.copy()
        strained.set_cell(frame.cell, scale_atoms=True)
        moved = (frame.positions - strained.positions) @ np.linalg.inv(frame.cell)
        moved = (moved - np.round(moved)) @ frame.cell
        assert moved.std() == pytest.approx([0.05, 0.15][number % 2], rel=0.15)
        assert 1e-3 < np.abs(frame.cell @ np.linalg.inv(start.cell) - np.eye(3)).max() < 0.1
    assert [frame_id(frame) for frame in run({"name": "rattle"}, start)] == [
        frame_id(frame) for frame in run({"name": "rattle"}, start)
    ]
    assert frame_id(run({"name": "rattle"}, start)[0]) != frame_id(run({"name": "rattle"}, start, seed=2)[0])


def test_a_particle_is_rattled_in_its_box():
    start = structure(**PARTICLE)
    for frame in run({"name": "rattle", "snapshots": 3}, start):
        np.testing.assert_array_equal(frame.cell, start.cell)


def test_a_rattle_that_cannot_be():
    with pytest.raises(SimulationError, match="displace less"):
        run({"name": "rattle", "displacements": [1.5]}, crystal("zno-wurtzite").repeat(2))


def test_strain_goes_over_its_grid():
    start = bulk("Cu", cubic=True)
    frames = run({"name": "strain", "volume": [0.9, 1.1], "strain": 0.05, "snapshots": 9}, start)
    modes = [frame.info["origin"]["mode"] for frame in frames]
    assert modes == ["volume"] * 3 + ["uniaxial"] * 3 + ["shear"] * 3
    volumes = [frame.get_volume() / start.get_volume() for frame in frames]
    np.testing.assert_allclose(volumes[:3], [0.9, 1.0, 1.1])
    np.testing.assert_allclose(volumes[3:6], [0.95, 1.0, 1.05])
    assert frames[6].cell.angles() == pytest.approx([90, 90, 90 + np.degrees(2 * np.arctan(0.025))], abs=0.01)


def test_compression_of_a_crystal_and_of_a_particle():
    for start in (bulk("Cu", cubic=True), structure(**PARTICLE)):
        frames = run({"name": "compress", "smallest": 0.75, "snapshots": 5}, start)
        scales = [frame.info["origin"]["scale"] for frame in frames]
        np.testing.assert_allclose(scales, [0.95, 0.9, 0.85, 0.8, 0.75])
        for scale, frame in zip(scales, frames, strict=True):
            assert shortest_distance(frame, 3.0) == pytest.approx(scale * shortest_distance(start, 3.0))
    np.testing.assert_array_equal(frames[-1].cell, start.cell)


def test_dimers_are_as_far_apart_as_they_say():
    frames = run({"name": "dimer", "shortest": 1.0, "longest": 5.0, "snapshots": 9}, structure(dimer=["Fe", "Au"], vacuum=15))
    for expected, frame in zip(np.linspace(1, 5, 9), frames, strict=True):
        assert frame.get_distance(0, 1, mic=True) == pytest.approx(expected)
        assert frame.info["origin"]["distance"] == pytest.approx(expected)


def test_a_melting_particle_stays_whole_and_neither_drifts_nor_turns():
    start = structure(**PARTICLE)
    settings = {"name": "melt", "potential": "au-fe", "temperature": [300, 1400], "duration": "4 ps", "snapshots": 6}
    frames = run(settings, start)
    assert len(frames) == 6
    masses = start.get_masses()
    centre = masses @ start.positions / masses.sum()
    for frame in frames:
        # unwrapped around the centre, which has not moved
        apart = (frame.positions - centre) @ np.linalg.inv(frame.cell)
        apart = (apart - np.round(apart)) @ frame.cell
        assert np.linalg.norm(masses @ apart / masses.sum()) < 0.05
        assert np.linalg.norm(apart, axis=1).max() < 12.0
        assert shortest_distance(frame, 1.5) > 1.5
    with pytest.raises(InputError, match="expected no pressure for a particle"):
        run({**settings, "pressure": 1.0}, start)


def test_frames_of_a_file(tmp_path):
    frames = run({"name": "rattle", "snapshots": 12}, bulk("Cu", cubic=True))
    path = tmp_path / "mine.xyz"
    write(path, frames)
    structures = build_all(parse(StructureSettings, {"file": str(path), "frames": "::2"}), "mine")
    assert len(structures) == 6
    everything = run({"name": "frames"}, structures)
    assert [frame.info["origin"]["index"] for frame in everything] == list(range(6))
    np.testing.assert_allclose(everything[2].positions, frames[4].positions, atol=1e-7)
    drawn = run({"name": "frames", "snapshots": 3}, structures)
    assert len({frame.info["origin"]["index"] for frame in drawn}) == 3
    assert [frame_id(f) for f in drawn] == [frame_id(f) for f in run({"name": "frames", "snapshots": 3}, structures)]
    with pytest.raises(InputError, match="expected one structure, got 6 frames"):
        run({"name": "rattle"}, structures)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "rattle", "displacements": [-0.1]}, "greater than 0"),
        ({"name": "rattle", "displacement": 0.1}, "did you mean 'displacements'"),
        ({"name": "strain", "volume": [1.2, 0.8]}, "smallest, largest"),
        ({"name": "strain", "modes": ["twist"]}, "modes"),
        ({"name": "compress", "smallest": 1.5}, "less than 1"),
        ({"name": "dimer", "shortest": 5.0, "longest": 1.0}, "longest above shortest"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        parse_sampler(settings)


@pytest.mark.parametrize(
    ("settings", "start", "message"),
    [
        ({"name": "dimer"}, bulk("Cu", cubic=True), "a structure of two atoms.*got 4"),
        ({"name": "strain"}, structure(**PARTICLE), "got something in a box"),
        ({"name": "strain", "snapshots": 2}, bulk("Cu"), "a snapshot for each of 3 modes"),
    ],
)
def test_structures_that_do_not_suit(settings, start, message):
    with pytest.raises(InputError, match=message):
        check_sampler(parse_sampler(settings), start, "start")
