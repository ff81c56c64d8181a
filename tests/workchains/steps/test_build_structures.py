"""Starting structures, built in the daemon of the files that were read before."""

import pytest
from aiida.orm import Dict
from ase.build import bulk

from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import FunctionStatus
from workchains.processes.naming import link_key
from workchains.steps.structures import build_structures


def built(files, **structures):
    """Run the calcfunction; return its result and node."""
    named = {name: {"file": "crystal.xyz", "supercell": [2, 2, 2]} for name in files}
    settings = Dict({"structures": {**named, **structures}, "species": ["Cu"], "geometry": {}})
    nodes = {link_key(name): FramesData.from_frames([atoms]) for name, atoms in files.items()}
    return build_structures.run_get_node(settings, **nodes)


def test_names_that_are_alike_have_files_of_their_own(aiida_profile):
    lattice = {"a-b": 3.6, "a.b": 3.65, "a_b": 3.7, "a__b": 3.75, "settings": 3.8}
    result, node = built({name: bulk("Cu", cubic=True, a=a) for name, a in lattice.items()})
    assert node.is_finished_ok
    lengths = {frame.info["origin"]["structure"]: frame.cell[0, 0] / 2 for frame in result.get_frames()}
    assert lengths == pytest.approx(lattice)


def test_one_structure_under_two_names_is_refused(aiida_profile):
    _, node = built({name: bulk("Cu", cubic=True) for name in ("one", "two")})
    assert node.exit_status == FunctionStatus.INPUT_REFUSED
    assert "structure two: it is the same configuration as structure 'one'" in node.exit_message
