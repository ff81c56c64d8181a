"""Sphinx configuration: ``sphinx-build -b html docs docs/_build``."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generate import generate

from alworkflows import __version__

project = "alworkflows"
version = release = __version__
extensions = ["myst_parser"]
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"page_width": "1200px", "description": "Active learning of interatomic potentials"}
suppress_warnings: list[str] = []


def setup(app: Any) -> None:
    """Write the pages that follow from the code before Sphinx looks for its sources."""
    generate(Path(app.srcdir) / "reference" / "generated")
