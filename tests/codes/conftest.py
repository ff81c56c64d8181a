"""What tests with real programs share: a temporary profile, and the stand-ins on the path."""

import sys
from pathlib import Path

from aiida.tools.pytest_fixtures import *  # noqa: F403

sys.path.insert(0, str(Path(__file__).parents[1] / "standins"))
