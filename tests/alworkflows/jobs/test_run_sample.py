"""The verb ``sample`` on structures that it cannot begin from."""

import pytest
from ase.build import fcc111, graphene

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.jobs.run_sample import run
from alworkflows.jobs.specs import SampleSpec
from alworkflows.settings import parse

SAMPLERS = [
    {"name": "rattle"},
    {"name": "strain"},
    {"name": "melt", "potential": {"style": "morse", "pairs": {"C-C": {"d": 0.3, "alpha": 1.3, "r0": 2.8}}}},
]


def job(folder, atoms, sampler):
    atoms.info["origin"] = {"structure": "mine"}
    frames_io.save(folder / "structures.npz", [atoms])
    return run(
        parse(SampleSpec, {"sampler": sampler, "structures": "structures.npz", "structure": "mine", "seed": 1}, "job"), folder
    )


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_missing_lattice_vector_is_the_sentence_that_check_has(tmp_path, sampler):
    with pytest.raises(InputError, match=r"^mine: no lattice vector along c: add vacuum"):
        job(tmp_path, graphene(), sampler)


def test_what_a_sampler_does_not_take(tmp_path):
    slab = fcc111("Cu", (2, 2, 3), vacuum=6.0)
    slab.info.clear()
    potential = {"style": "morse", "pairs": {"Cu-Cu": {"d": 0.3429, "alpha": 1.3588, "r0": 2.866}}}
    with pytest.raises(InputError, match=r"^mine: the sampler 'melt' repeats its cell in all directions, got pbc"):
        job(tmp_path, slab, {"name": "melt", "potential": potential})
    assert job(tmp_path, slab, {"name": "rattle", "snapshots": 2}).frames == 2
