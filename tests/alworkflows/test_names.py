"""The names of the top level: each is what its module calls so, and none is imported before it is used."""

import subprocess
import sys

import pytest

import alworkflows


def test_every_name_is_that_of_its_module():
    from alworkflows import frames, insight, models, structures

    assert alworkflows.read is frames.read
    assert alworkflows.Ensemble is models.Ensemble
    assert alworkflows.crystal is structures.crystal
    assert alworkflows.force_shares is insight.force_shares
    for name in alworkflows.__all__:
        assert getattr(alworkflows, name).__name__ == name
        assert name in dir(alworkflows)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(AttributeError, match="did you mean 'Ensemble'"):
        _ = alworkflows.Ensemle


def test_the_top_level_imports_nothing_but_itself():
    program = "import sys, alworkflows; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "alworkflows" in done.stdout.split()
    assert not {"numpy", "ase", "scipy", "click", "pydantic", "yaml"} & set(done.stdout.split())
