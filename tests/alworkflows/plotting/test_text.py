"""Text in pictures is what was given, whatever TeX would make of it."""

import numpy as np
import pytest
from matplotlib.text import Text

from alworkflows.plotting import save, svg
from alworkflows.plotting.accuracy import plot_parity, plot_path
from alworkflows.plotting.style import figure, styled

NAMES = ["$x_$", r"\frac", "$$", "a$b$c", r"$\frac{$", "100 %", "${}^"]


def texts(figure):
    """Return what is drawn, once it is."""
    figure.draw_without_rendering()
    return [item.get_text() for item in figure.findobj(Text) if item.get_visible()]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_drawn_as_it_is(name, tmp_path):
    rows = [{"terms": terms, "alpha": 1e-7 / terms, name: 1 / terms} for terms in (2, 4, 8)]
    drawn = plot_path(rows)
    svg(drawn, "path")
    for ending in ("png", "pdf", "svg"):
        save(drawn, tmp_path / f"path.{ending}")
    assert name in texts(drawn)


@styled
def titled(name):
    drawn, (axis,) = figure(3.0)
    axis.set_title(name)
    axis.set_xticks([0.0], [name])
    return drawn


@pytest.mark.parametrize("name", NAMES)
def test_titles_and_ticks_too(name, tmp_path):
    drawn = titled(name)
    save(drawn, tmp_path / "a.png")
    assert texts(drawn).count(name) == 2


def test_no_axis_is_written_in_tex():
    rng = np.random.default_rng(0)
    forces = rng.normal(size=(2000, 3))
    path = plot_path([{"terms": terms, "alpha": 10.0**-terms, "train": 1 / terms} for terms in (2, 4, 8)])
    parity = plot_parity(forces, forces + 0.1, rng.random(50), rng.random(50))
    for drawn in (path, parity):
        assert not [text for text in texts(drawn) if "$" in text]
