"""``find_trust_levels``: the trust window as a step with stored inputs."""

import numpy as np
import pytest
from judged import frame_errors

from alworkflows.settings import TrustLevels

STAGES = [["test_iteration_01", "melt"], ["test_iteration_02", "surface"]]
RAMP = np.arange(1, 11)


def columns(*args, **kwargs):
    return frame_errors(*args, **kwargs).model_dump(mode="json")


POINTS = {
    "test_iteration_01": columns(0.05 * RAMP, 0.5 * RAMP, force_rms=2.0, atoms=64, largest_force=9.0, name="m"),
    "test_iteration_02": columns(0.02 * RAMP[:8], 0.2 * RAMP[:8], force_rms=1.0, atoms=48, largest_force=4.0, name="s"),
}


@pytest.fixture
def find_levels(aiida_profile):
    """Return a function that runs the step and returns its node."""
    from aiida.orm import Dict

    from workchains.steps.trust_levels import find_trust_levels

    def _find_levels(points=POINTS, stage="surface", stages=STAGES, reference=0.05, **levels):
        settings = {"levels": TrustLevels(**levels).model_dump(mode="json"), "stage": stage, "stages": stages}
        return find_trust_levels.run_get_node(Dict({"test_points": points}), Dict({**settings, "reference": reference}))[1]

    return _find_levels


def test_the_window_of_a_stage(find_levels):
    node = find_levels()
    result = node.outputs.result.get_dict()
    assert result["kind"] == "calibrated"
    assert result["lower"] == pytest.approx(0.025)
    assert result["upper"] == pytest.approx(1.0)
    assert (result["lower_error"], result["upper_error"]) == (pytest.approx(0.25), pytest.approx(4.0))
    assert result["calibration"]["scope"] == "stage"
    assert len(result["calibration"]["points"]["stage"]) == 18
    assert result["sentence"].startswith(node.outputs.result.description[:40])


def test_batches_are_taken_in_the_order_they_are_told_in(find_levels):
    rows = {f"test_iteration_{number}": POINTS["test_iteration_01"] for number in ("02", "09", "100")}
    far = columns([0.05] * 4, 50.0, force_rms=2.0, atoms=64, largest_force=9.0, name="n")
    points = {**rows, "test_iteration_101": far, "test_start_01": POINTS["test_iteration_01"]}
    ordered = [[name, "melt"] for name in ("test_start_01", *rows, "test_iteration_101")]
    result = find_levels(points=points, stage="melt", stages=ordered).outputs.result.get_dict()
    assert (result["calibration"]["coverage_n"], result["calibration"]["coverage"]) == (4, 0.0)


def test_a_report_of_no_test_frames_gives_relative_levels(find_levels):
    assert find_levels(points={}).outputs.result["kind"] == "relative"


def test_what_cannot_be_found_is_an_exit_code(find_levels):
    assert find_levels(lower=30.0).exit_status == 210
    assert "wrong way round" in find_levels(lower=30.0).exit_message
    assert "got none for test_iteration_02" in find_levels(stages=STAGES[:1]).exit_message
    assert "got None" in find_levels(points={}, reference=None).exit_message


def test_status_tells_the_last_levels(campaign, find_levels):
    from aiida.orm import CalcFunctionNode, Dict

    from workchains.cli.summary import campaign_summary, details

    assert campaign_summary(campaign.node).trust is None
    result = find_levels().outputs.result.get_dict()
    levels = Dict(result)
    second = campaign.nodes["iteration", 2]
    campaign.child(CalcFunctionNode, "find_trust_levels", "trust_levels", 58, 59, {}, {"result": levels}, second)
    campaign.hand_over(2, trust_levels=levels)
    now = campaign_summary(campaign.node)
    assert now.trust.startswith(
        "iteration 2, from 8 test frames of this stage: below a disagreement of 0.025 eV/A, 90% of frames"
    )
    assert "Their calibration: 8 frames, too few for a shape: one factor; rank correlation 1.00; of 8 frames" in now.trust
    assert f"Trust levels: {now.trust}." in details(now)
