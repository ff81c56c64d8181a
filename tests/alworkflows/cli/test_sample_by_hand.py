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
