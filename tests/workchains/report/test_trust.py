"""The section on trust levels: each iteration's window, what it rests on, and how good that was."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic
from judged import frame_errors
from matplotlib.figure import Figure

from alworkflows.selection.window import TestBatch, find_window
from alworkflows.settings import TrustLevels
from workchains.report.trust import Trust, trusts
from workchains.report.trust_plot import PANELS, calibrations, drawn
from workchains.report.trust_section import CALIBRATION, LEVELS, trust

STAGES = ("melt", "surface", "quench")


def batch(stage, seed, count=9):
    rng = np.random.default_rng(seed)
    d = np.exp(rng.normal(-3.0, 0.5, count))
    errors = 8.0 * d * np.exp(rng.normal(0, 0.2, count))
    return TestBatch(stage, frame_errors(d, errors, largest_force=6.0, atoms=40))


def window(number, stage, batches=None, **levels):
    batches = [batch(name, k) for k, name in enumerate(STAGES[: number - 1])] if batches is None else batches
    return Trust(number=number, stage=stage, **find_window(TrustLevels(**levels), 0.05, batches, stage).as_dict())


@pytest.fixture
def windows():
    return (window(2, "surface"), window(3, "surface"), window(4, "quench"))


@pytest.fixture(scope="module")
def report():
    return synthetic.report()


def test_every_iteration_is_a_panel_with_its_frames_fit_and_levels(windows):
    figure = calibrations(windows, STAGES)
    assert isinstance(figure, Figure)
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left").splitlines()[0] for axis in shown] == [
        "iteration 2 · surface",
        "iteration 3 · surface",
        "iteration 4 · quench",
    ]
    for axis, one in zip(shown, windows, strict=True):
        frames = sum(len(cloud.get_offsets()) for cloud in axis.collections)
        assert frames == len(one.calibration["points"]["stage"])
        assert any(line.get_label() == "bound for 90% of frames" for line in axis.lines)
        corner = axis.lines[-1].get_xdata()
        assert corner[-1] == pytest.approx(one.upper)
    # frames of another stage, which the surface's own calibration does not rest on, are faint
    faint = {cloud.get_label(): cloud.get_alpha() for cloud in shown[1].collections}
    assert faint["test frames: melt"] < 0.5 < faint["test frames: surface"]


def test_of_many_iterations_each_stage_keeps_its_last():
    many = [window(number, stage, [batch("melt", 1)]) for number, stage in enumerate(["melt"] * 2 + ["surface"] * 12, 2)]
    numbers = [one.number for one in drawn(many)]
    assert numbers == [3, 11, 12, 13, 14, 15]
    assert len(numbers) == PANELS


def test_the_table_has_the_quality_of_each(report, windows):
    section = trust(replace(report, trust=windows))
    levels, calibration = section.tables
    rows = [
        dict(zip(LEVELS, ours, strict=True)) | dict(zip(CALIBRATION, theirs, strict=True))
        for ours, theirs in zip(levels.rows, calibration.rows, strict=True)
    ]
    assert [row["no."] for row in rows] == ["2", "3", "4"]
    assert (rows[1]["of"], rows[1]["test frames"], rows[1]["frames judged"]) == ("the stage", "9", "9")
    assert (rows[0]["levels"], rows[0]["below bound: stated"]) == ("calibrated", "90 %")
    assert rows[1]["lower"] == f"{windows[1].lower:.3g}"
    assert windows[-1].sentence in section.caption
    assert "<svg" in section.picture
    assert replace(report, trust=windows).summary()["trust"][1]["calibration"]["rank_correlation"] > 0.7


def test_levels_without_a_calibration_are_a_row_and_no_picture(report):
    section = trust(replace(report, trust=(window(2, "surface", []),)))
    assert section.picture is None
    assert "no test frame" in section.caption
    assert section.tables[0].rows[0][2] == "relative"
    assert trust(replace(report, trust=())).missing


def test_a_test_batch_of_no_stage_is_drawn_too():
    figure = calibrations([window(2, "melt", [batch("given", 1), batch("melt", 2)])], STAGES)
    assert {"test frames: given", "test frames: melt"} <= {cloud.get_label() for cloud in figure.axes[0].collections}


def test_levels_are_read_from_the_record(aiida_profile, windows):
    from aiida.orm import Dict

    values = {key: getattr(windows[1], key) for key in Trust.__dataclass_fields__ if key not in ("number", "stage")}
    node = Dict(values).store()
    records = [
        SimpleNamespace(number=1, stage="melt", nodes={}),
        SimpleNamespace(number=3, stage="surface", nodes={"trust_levels": node.pk}),
    ]
    (read,) = trusts(records)
    assert (read.number, read.stage, read.kind, read.sentence) == (3, "surface", windows[1].kind, windows[1].sentence)
    # the database keeps fourteen digits
    assert (read.lower, read.upper) == (pytest.approx(windows[1].lower), pytest.approx(windows[1].upper))
    for name, column in read.curve.items():
        np.testing.assert_array_equal(column, windows[1].curve[name])
    assert set(read.points) == {"melt", "surface"}
