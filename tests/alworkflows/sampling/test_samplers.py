"""What every sampler keeps, and what each is for."""

import numpy as np
import pytest
from ase.build import bulk, fcc110
from standins import Committee

from alworkflows.errors import InputError
from alworkflows.frames import FrameWriter, frame_id, load
from alworkflows.sampling import parse_sampler, sample
from alworkflows.selection.trust_levels import Level, classify
from alworkflows.structures import crystal, shortest_distance

COPPER = {"style": "morse", "species": ["Cu"], "pairs": {"Cu-Cu": {"depth": 0.3429, "alpha": 1.3588, "r0": 2.866}}}

SETTINGS = {
    "melt": {"duration": 400, "snapshots": 5, "temperature": [300, 3000]},
    "surface-melt": {"duration": 100, "snapshots": 5, "temperature": [300, 900]},
    "quench": {
        "melt_temperature": 1500,
        "melt_duration": 30,
        "equilibrate": 20,
        "temperature": [1200, 300],
        "rate": 30000,
        "hold": 20,
        "snapshots": 8,
    },
}


def case(name, **changes):
    settings = parse_sampler({"name": name, **SETTINGS[name], **changes})
    if name == "melt":
        return settings, crystal("zno-wurtzite").repeat((2, 2, 1)), None
    if name == "surface-melt":
        slab = fcc110("Cu", (2, 2, 4), vacuum=6.0)
        slab.pbc = True
        return settings, slab, Committee()
    return settings, bulk("Cu", cubic=True).repeat(2), Committee()


def run(name, seed=1, upper=None, driver=None, **changes):
    settings, structure, committee = case(name, **changes)
    frames = []
    report = sample(settings, structure, "start", seed, frames.append, driver or committee, upper, None)
    return frames, report, structure


@pytest.mark.parametrize("name", sorted(SETTINGS))
class TestContract:
    def test_every_frame_says_where_it_came_from(self, name):
        frames, report, _ = run(name)
        assert len(frames) == report.frames == SETTINGS[name]["snapshots"]
        assert report.stopped is None
        assert report.steps == report.steps_planned
        for frame in frames:
            origin = frame.info["origin"]
            assert {"structure", "sampler", "seed", "step", "time_fs", "temperature", "kinetic_temperature"} <= set(origin)
            assert (origin["structure"], origin["sampler"], origin["seed"]) == ("start", name, 1)
        steps = [frame.info["origin"]["step"] for frame in frames]
        assert steps == sorted(set(steps))

    def test_atoms_stay_what_they_were(self, name):
        frames, _, structure = run(name)
        for frame in frames:
            assert frame.calc is None
            assert np.isfinite(frame.positions).all()
            assert sorted(frame.numbers) == sorted(structure.numbers)
            assert (frame.pbc == structure.pbc).all()
            assert shortest_distance(frame) > 0.6
        assert len({frame_id(frame) for frame in frames}) == len(frames)

    def test_the_same_seed_gives_the_same_bits(self, name):
        first, again, other = run(name)[0], run(name)[0], run(name, seed=2)[0]
        assert [frame_id(frame) for frame in first] == [frame_id(frame) for frame in again]
        assert [frame_id(frame) for frame in first] != [frame_id(frame) for frame in other]

    def test_frames_come_as_they_are_made(self, name, tmp_path):
        settings, structure, driver = case(name)
        writer, on_disk = FrameWriter(tmp_path / "frames.npz"), []

        def keep(frame):
            writer.append(frame)
            on_disk.append(len(load(writer.path)[0]))

        sample(settings, structure, "start", 1, keep, driver, None, None)
        assert on_disk == list(range(1, len(on_disk) + 1))

    def test_more_snapshots_than_steps(self, name):
        with pytest.raises(InputError, match="as many steps as snapshots"):
            run(name, snapshots=100000)

    def test_a_thermostat_faster_than_its_steps(self, name):
        with pytest.raises(InputError, match="friction: expected at least two steps"):
            run(name, friction=1.0)


DRIVEN = ["quench", "surface-melt"]


@pytest.mark.parametrize("name", DRIVEN)
class TestDriven:
    def test_it_stops_when_the_ensemble_disagrees_and_keeps_what_it_has(self, name):
        driver = Committee(grows=0.05)
        frames, report, _ = run(name, upper=0.22, driver=driver, watch_every=5)
        assert report.stopped == "disagreement"
        assert "above the upper level of 0.22" in report.message
        assert 0 < report.steps < report.steps_planned
        assert frames
        assert frames[-1].info["origin"]["stopped"] == "disagreement"

    def test_the_last_states_before_the_stop_are_kept(self, name):
        few = run(name, upper=0.22, driver=Committee(grows=0.02), watch_every=3, before_stop=1)[0]
        many = run(name, upper=0.22, driver=Committee(grows=0.02), watch_every=3, before_stop=6)[0]
        assert len(many) > len(few)
        assert frame_id(many[-1]) == frame_id(few[-1])
        steps = [frame.info["origin"]["step"] for frame in many]
        assert steps == sorted(set(steps))

    def test_the_state_between_the_last_look_and_the_exit_is_not_lost(self, name):
        upper = {"quench": 0.03, "surface-melt": 0.02}[name]
        every, rarely = (run(name, upper=upper, driver=Committee(), watch_every=n, before_stop=3)[:2] for n in (1, 40))
        assert every[1].steps < rarely[1].steps == 40
        last = rarely[0][-1]
        assert frame_id(last) == frame_id(every[0][-1])
        origin = last.info["origin"]
        assert (origin["step"], origin["stopped"]) == (every[1].steps - 1, "disagreement")
        assert origin["disagreement"] == pytest.approx(Committee().disagreement(last).max(), rel=1e-6)
        # a candidate: its disagreement lies within the window
        assert classify(np.array([origin["disagreement"]]), np.array([False]), (0.01, upper)) == [Level.CANDIDATE]

    def test_it_stops_when_it_explodes(self, name):
        wild = {"timestep": 60.0, "friction": 1e5}
        if name == "surface-melt":
            frames, report, _ = run(name, duration=6000, temperature=[2000, 2500], **wild)
        else:
            frames, report, _ = run(name, melt_duration=3000, equilibrate=1000, hold=1000, rate=300, snapshots=4, **wild)
        assert report.stopped == "exploded"
        assert "temperature" in report.message or "distance" in report.message or "finite" in report.message
        assert all(np.isfinite(frame.positions).all() for frame in frames)

    def test_without_an_ensemble_there_is_no_run(self, name):
        settings, structure, _ = case(name)
        with pytest.raises(InputError, match="expected an ensemble"):
            sample(settings, structure, "start", 1, print, None, None, None)


def test_the_melt_is_heated_and_nothing_fuses_at_5000_k():
    frames, _, _ = run("melt", duration=3000, snapshots=10, temperature=[300, 5000])
    temperatures = [frame.info["origin"]["temperature"] for frame in frames]
    assert temperatures == sorted(temperatures)
    assert temperatures[-1] == pytest.approx(5000)
    assert min(shortest_distance(frame) * 1.88 for frame in frames) > 1.2  # ratio times the covalent radii of zinc and oxygen


def test_a_melt_at_constant_pressure_expands():
    fixed = run("melt", duration=2000, snapshots=4, temperature=[3000, 4000])[0]
    free = run("melt", duration=2000, snapshots=4, temperature=[3000, 4000], pressure=0.0)[0]
    assert fixed[-1].get_volume() == pytest.approx(fixed[0].get_volume())
    assert free[-1].get_volume() > 1.02 * fixed[-1].get_volume()


def test_a_melt_of_species_the_potential_does_not_know():
    settings, _, _ = case("melt")
    with pytest.raises(InputError, match="Cu"):
        sample(settings, bulk("Cu", cubic=True), "copper", 1, print, None, None, None)


def test_a_bulk_crystal_has_no_surface_to_melt():
    settings, _, driver = case("surface-melt")
    with pytest.raises(InputError, match="vacuum"):
        sample(settings, bulk("Cu", cubic=True).repeat(2), "copper", 1, print, driver, None, None)


def test_a_slab_is_not_quenched():
    settings, _, driver = case("quench")
    _, slab, _ = case("surface-melt")
    with pytest.raises(InputError, match="vacuum"):
        sample(settings, slab, "slab", 1, print, driver, None, None)


def test_the_quench_goes_through_its_phases_at_the_stated_density():
    frames, _, structure = run("quench", density=8.0, liquid_share=0.5)
    phases = [frame.info["origin"]["phase"] for frame in frames]
    assert phases[-1] == "amorphous"
    assert set(phases) <= {"liquid", "cooling", "amorphous"}
    mass = structure.get_masses().sum()
    for frame in frames:
        assert mass / frame.get_volume() / 0.602214076 == pytest.approx(8.0, rel=1e-9)


def test_a_quench_that_heats():
    with pytest.raises(InputError, match="expected a temperature that falls"):
        run("quench", temperature=[300, 1200])


def test_a_sampler_that_does_not_exist():
    with pytest.raises(InputError, match=r"unknown sampler 'mlt' \(did you mean 'melt'\?\)"):
        parse_sampler({"name": "mlt"})
