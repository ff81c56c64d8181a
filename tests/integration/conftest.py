"""A directory of its own for AiiDA, and the executable as a person types it."""

import pytest
from shell import set_up


@pytest.fixture(scope="session")
def shell(tmp_path_factory):
    """A shell on a fresh machine: set up, and the daemon ended when the tests are."""
    with set_up(tmp_path_factory.mktemp("user"), "laptop") as typed:
        yield typed
