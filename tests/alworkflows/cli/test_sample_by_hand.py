import json

import pytest

from alworkflows import frames as frames_io

SHORT = ["-s", "duration=100 fs", "-s", "snapshots=2"]


def test_a_melt_of_a_crystal_and_of_a_file(run, tmp_path):
    from alworkflows.structures import crystal

    crystal("zno-bct").write("mine.cif")
    done = run("sample", "melt", "zno-wurtzite", "mine.cif", "--supercell", 3, 2, 2, *SHORT, "-o", "melt.npz")
    assert done.status == 0, done.err
    frames, _ = frames_io.load(tmp_path / "melt.npz")
    assert [frame.info["origin"]["structure"] for frame in frames] == ["zno-wurtzite", "zno-wurtzite", "mine", "mine"]
    assert [len(frame) for frame in frames] == [48, 48, 96, 96]
    assert "as planned" in done.out


def test_the_same_seed_gives_the_same_frames(run, tmp_path):
    for name in ("a.npz", "b.npz"):
        done = run("sample", "melt", "zno-bct", "--supercell", 2, 2, 3, *SHORT, "--seed", 5, "-o", name, "--json")
        assert json.loads(done.out)["frames"] == 2
    first, second = (frames_io.load(tmp_path / name)[0] for name in ("a.npz", "b.npz"))
    assert [frames_io.frame_id(frame) for frame in first] == [frames_io.frame_id(frame) for frame in second]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mlt", "zno-bct", "-o", "x.npz"], "unknown sampler 'mlt' (did you mean 'melt'?)"),
        (["melt", "zno-btc", "-o", "x.npz"], "did you mean 'zno-bct'"),
        (["melt", "no.cif", "-o", "x.npz"], "no.cif: no such file"),
        (["melt", "zno-bct", "-s", "duratoin=1", "-o", "x.npz"], "did you mean 'duration'"),
        (["melt", "zno-bct", "-s", "duration=1 pss", "-o", "x.npz"], "unknown unit 'pss'"),
        (["melt", "zno-bct", "-b", "miler=[1,1,0]", "-o", "x.npz"], "did you mean 'miller'"),
        (["melt", "zno-bct", "zno-bct", "-o", "x.npz"], "two structures are called 'zno-bct'"),
        (["quench", "zno-bct", "-o", "x.npz"], "ensemble"),
    ],
)
def test_bad_input_is_one_message(run, arguments, message):
    done = run("sample", *arguments)
    assert done.status == 2
    assert message in done.err
    assert not done.out


def test_frames_made_before_an_interruption_are_kept(run, tmp_path, monkeypatch):
    import alworkflows.sampling

    original = alworkflows.sampling.sample

    def interrupted(settings, structure, name, *rest):
        if name == "zno-bct":
            raise KeyboardInterrupt
        return original(settings, structure, name, *rest)

    monkeypatch.setattr(alworkflows.sampling, "sample", interrupted)
    done = run("sample", "melt", "zno-wurtzite", "zno-bct", "--supercell", 3, 2, 2, *SHORT, "-o", "melt.npz")
    assert done.status == 1
    assert len(frames_io.load(tmp_path / "melt.npz")[0]) == 2


def test_the_list_has_every_sampler_with_its_settings(run):
    from alworkflows.sampling import SAMPLERS
    from alworkflows.schema import variants
    from alworkflows.settings import SamplerSettings

    done = run("sample", "--list")
    assert done.status == 0
    assert set(variants(SamplerSettings)) == set(SAMPLERS)
    for name, model in variants(SamplerSettings).items():
        assert f"\n{name}: " in f"\n{done.out}"
        assert all(f"  {key}=" in done.out for key in model.model_fields if key != "name")
    assert "zno-wurtzite" in done.out


def test_the_last_of_our_own_frames_is_a_structure(run, tmp_path):
    assert run("sample", "melt", "zno-bct", "--supercell", 2, 2, 3, *SHORT, "-o", "first.npz").status == 0
    done = run("sample", "melt", "first.npz", *SHORT, "-o", "second.npz")
    assert done.status == 0, done.err
    first, second = (frames_io.load(tmp_path / name)[0] for name in ("first.npz", "second.npz"))
    assert second[0].info["origin"]["structure"] == "first"
    assert (second[0].cell[:] == first[-1].cell[:]).all()


@pytest.mark.parametrize("sampler", ["rattle", "melt", "surface-melt", "quench", "strain", "compress", "dimer", "frames"])
def test_a_missing_lattice_vector_is_one_sentence_from_every_sampler(run, sampler):
    from ase.build import graphene

    graphene().write("flat.xyz")
    done = run("sample", sampler, "flat.xyz", "-o", "x.npz")
    assert done.status == 2
    assert done.err.strip() == "error: flat: no lattice vector along c: add vacuum (in ASE: atoms.center(vacuum=6, axis=2))"


def test_a_structure_is_checked_before_it_is_sampled(run):
    from ase import Atoms

    Atoms("Cu2", [[0, 0, 0], [0, 0, 1.2]], cell=[4, 4, 4], pbc=True).write("fused.xyz")
    Atoms("Cu", cell=[1, 1, 1], pbc=True).write("tiny.xyz")
    assert "are fused: 1.200 A" in run("sample", "rattle", "fused.xyz", "-o", "x.npz").err
    assert "volume per atom 1.00 A^3 is not between 3 and 400" in run("sample", "rattle", "tiny.xyz", "-o", "x.npz").err
    # what stands in a box may have a large one
    Atoms("Cu", cell=[30, 30, 30], pbc=True).write("alone.xyz")
    assert run("sample", "rattle", "alone.xyz", "-o", "x.npz").status == 0


def test_what_is_held_is_held_and_said(run, tmp_path):
    import ase.io
    from ase.build import fcc111
    from ase.constraints import FixAtoms

    from alworkflows.structures import fixed_coordinates

    atoms = fcc111("Cu", (2, 2, 4), vacuum=6.0)
    atoms.pbc = True
    atoms.set_constraint(FixAtoms([0, 1, 2, 3]))
    atoms.write("held.vasp")
    done = run("sample", "rattle", "held.vasp", "-o", "held.xyz")
    assert "held: 4 of 16 atoms are held still, and the cell is not strained" in done.err
    for frame in ase.io.read(tmp_path / "held.xyz", ":"):
        assert abs(frame.positions[:4] - atoms.positions[:4]).max() < 1e-6
        assert fixed_coordinates(frame).all(axis=1).nonzero()[0].tolist() == [0, 1, 2, 3]


def test_whose_miller_indices_are_meant_is_said(run, tmp_path):
    from ase.build import bulk

    bulk("Cu").write("primitive.cif")
    cut = ["-b", "miller=[1,0,0]", "-b", "layers=4", "-b", "vacuum=12 A", "-s", "strain=0", "-s", "snapshots=1"]
    done = run("sample", "rattle", "primitive.cif", *cut, "-o", "slab.npz")
    assert "primitive: miller: indices of the conventional cell, which is not the cell that was given" in done.err
    (frame,) = frames_io.load(tmp_path / "slab.npz")[0]
    assert frame.cell.lengths()[:2] == pytest.approx([3.61 / 2**0.5] * 2, abs=1e-3)
