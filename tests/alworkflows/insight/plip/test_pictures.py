"""Pictures show the numbers they were given, with units."""

import numpy as np
import pytest

from alworkflows.insight import angle_curves, density_curves, force_shares, look_into, measure, pair_curves, write
from alworkflows.insight.plip.shares import Share
from alworkflows.plotting.accuracy import plot_parity, plot_path
from alworkflows.plotting.terms import plot_angles, plot_densities, plot_pairs, plot_shares

ROWS = [
    {"alpha": 1e-2, "terms": 3, "train": 0.50, "held-out": 0.52, "bct": 0.6},
    {"alpha": 1e-3, "terms": 10, "train": 0.30, "held-out": 0.33, "bct": 0.4},
    {"alpha": 1e-4, "terms": 40, "train": 0.20, "held-out": 0.24, "bct": 0.5},
]


def test_bars_stack_to_one_and_show_each_share(ensemble, frames):
    shares = force_shares(ensemble, frames)
    (axis,) = plot_shares(shares).axes  # one family: no panel for it
    heights = np.array([[bar.get_height() for bar in group] for group in axis.containers])
    np.testing.assert_allclose(heights.sum(axis=0), 1.0)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["all terms", "Zn–Zn", "Zn–O", "O–O"]
    assert "%" in axis.get_ylabel()


def test_families_get_a_panel_of_their_own_and_the_baseline_a_grey():
    rows = [
        Share("all", kind, group, share, 1.0, 3)
        for kind, groups in {"body order": ["2B", "3B", "baseline"], "family": ["gaussian", "slater", "baseline"]}.items()
        for group, share in zip(groups, (0.5, 0.3, 0.2), strict=True)
    ]
    left, right = plot_shares(rows).axes
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["baseline", "slater", "gaussian"]
    for axis in (left, right):
        red, green, blue, _ = axis.containers[2][0].get_facecolor()
        assert red == green == blue


def test_pair_panels_draw_the_mean_of_the_members(ensemble, frames):
    curves = pair_curves(ensemble.groups[0].committee.blocks, ensemble.species)
    picture = plot_pairs(curves, measure(frames, ensemble.species, 4.5))
    panels = [axis for axis in picture.axes if axis.get_title(loc="left")]
    assert [axis.get_title(loc="left") for axis in panels] == ["Zn–Zn", "Zn–O", "O–O"]
    for axis, curve in zip(panels, curves, strict=True):
        drawn = {line.get_label(): line.get_ydata() for line in axis.lines}
        np.testing.assert_allclose(drawn["pair terms"], curve.terms.mean(axis=0))
        assert "Å" in axis.get_xlabel()
    assert "eV" in panels[0].get_ylabel()


def test_models_without_angles_or_densities_have_no_such_pictures():
    assert plot_angles([]) is None
    assert plot_densities([]) is None


def test_angles_and_densities_have_a_panel_each(ensemble, frames):
    blocks = ensemble.groups[0].committee.blocks
    angles = plot_angles(angle_curves(blocks, ensemble.species, np.array([2.5, 2.0, 2.5])))
    assert [axis.get_title(loc="left") for axis in angles.axes] == ["Zn in the middle", "O in the middle"]
    assert len(plot_densities(density_curves(blocks, ensemble.species, frames, list("abcdef"))).axes) == 8


def test_the_path_has_a_line_for_each_set_and_marks_the_chosen_model():
    terms, alpha = plot_path(ROWS, chosen=1).axes
    for axis, key in ((terms, "terms"), (alpha, "alpha")):
        lines = {line.get_label(): line for line in axis.lines}
        for name in ("train", "held-out", "bct"):
            np.testing.assert_allclose(lines[name].get_xdata(), [row[key] for row in ROWS])
            np.testing.assert_allclose(lines[name].get_ydata(), [row[name] for row in ROWS])
        assert set(lines["chosen"].get_xdata()) == {ROWS[1][key]}
    rings = [line for line in terms.lines if line.get_linestyle() == "None"]
    assert sorted(float(ring.get_ydata()[0]) for ring in rings) == [0.2, 0.24, 0.4]


def test_a_path_without_penalties_and_with_gaps_is_drawn():
    rows = [
        {"terms": 0, "train": 2.0, "test": None},
        {"terms": 5, "train": 0.4, "test": 0.5},
        {"terms": 5, "train": 0.3, "test": None},
        {"terms": 9, "train": 0.2, "test": 0.4},
    ]
    (axis,) = plot_path(rows).axes
    drawn = {line.get_label(): list(line.get_xdata()) for line in axis.lines}
    assert drawn == {"train": [5, 9], "test": [9]}


def test_models_that_all_have_every_term_are_drawn_against_the_penalty_alone():
    (axis,) = plot_path([{**row, "terms": 50} for row in ROWS], chosen=0).axes
    assert "penalty" in axis.get_xlabel()
    (axis,) = plot_path([{"alpha": None, "terms": 50, "train": 0.1}], chosen=0).axes
    assert "terms" in axis.get_xlabel()


def test_parity_states_the_error_it_shows():
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(200, 3))
    predicted = reference + 0.1
    left, right = plot_parity(reference, predicted, np.full(5, 0.2), np.full(5, 0.1)).axes[:2]
    assert "0.1 eV/Å" in left.get_title(loc="left")
    assert "2 × disagreement" in right.get_legend().get_texts()[0].get_text()


def test_one_frame_fitted_exactly_is_drawn(tmp_path):
    from alworkflows.plotting import save

    zeros = np.zeros((4, 3))
    save(plot_parity(zeros, zeros, np.zeros(1), np.zeros(1)), tmp_path / "exact.png")
    assert (tmp_path / "exact.png").stat().st_size > 5_000


@pytest.mark.parametrize("species", [["Zn"], ["Zn", "O"]])
def test_a_folder_holds_what_was_said_to_be_written(ensemble, frames, tmp_path, species):
    chosen = [frame[[symbol in species for symbol in frame.get_chemical_symbols()]] for frame in frames]
    written = write(look_into(ensemble, chosen), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(written)
    assert "pairs.png" in written
