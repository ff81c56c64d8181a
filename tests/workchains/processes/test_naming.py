"""Names of children and links: each follows from what it is for, and no two things share one."""

import re

import pytest
from aiida.common.links import validate_link_label

from workchains.processes.naming import link_key

#: that a campaign may give to structures
NAMES = ["a-b", "a.b", "a_b", "a__b", "ab", "A-b", "A.b", "a_2eb", "a_5fb", "a-", "a.", "a_", "4H", "4H_00", "4H-00", "settings"]
NAMES += ["structure_a", "metadata", "2d", "x" * 64, "x" + "-" * 63]
#: that it may not, and would be told apart all the same
OTHERS = ["é", "Ã©", "-", "_", "", "a b", "a/b"]


def test_names_that_differ_have_labels_that_differ():
    assert len({link_key(name) for name in [*NAMES, *OTHERS]}) == len(NAMES) + len(OTHERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_label_is_one_that_the_database_takes(name):
    label = link_key(name)
    validate_link_label(label)
    # two underscores part namespaces
    assert "__" not in label
    assert len(f"files__{label}") < 255
    assert re.fullmatch(r"structure_\w+", label, re.ASCII)
