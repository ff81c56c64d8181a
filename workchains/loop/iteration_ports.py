"""What goes into an iteration, and what it makes."""

from __future__ import annotations

from typing import Any

from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import ArrayData, Data, Dict, Int

from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.loop.exit_codes import OF_ITERATION, declare_exit_codes
from workchains.steps.sample import SampleWorkChain
from workchains.steps.train import TrainWorkChain

__all__ = ["OUTPUTS", "SETS", "declare"]

#: outputs that are labelled frames, and the namespace in which stand those of all iterations
SETS = {"batch": "batches", "test_batch": "tests", "transfer_batch": "transfers"}

#: what an iteration makes: its type, and what it is
OUTPUTS: dict[str, tuple[type[Data], str]] = {
    "trust_levels": (Dict, "trust levels and their calibration"),
    "candidates": (FramesData, "what was sampled"),
    "deviation": (ArrayData, "what selection knows of the candidates: disagreement (eV/A), grade, fingerprints"),
    "selection": (Dict, "counts, levels (eV/A) and reasons"),
    "fingerprints": (ArrayData, "of the frames to train on, and the ids of all that were chosen"),
    "chosen": (FramesData, "frames to label: chosen to train on, and random ones to test on, as each says"),
    "batch": (FramesData, "labelled frames to train on"),
    "test_batch": (FramesData, "labelled random frames, never trained on"),
    "transfer_batch": (FramesData, "labelled frames of a transfer set"),
    "failures": (Dict, "frames without a label, and why"),
    "ensemble": (EnsembleData, "the fitted ensemble"),
    "report": (Dict, "report of the fit"),
    "decision": (Dict, "has the stage converged, and why"),
}


def declare(spec: WorkChainSpec) -> None:
    """Declare inputs, outputs and exit codes."""
    spec.input(
        "stage",
        valid_type=Dict,
        validator=validate_stage,
        help="which stage this iteration belongs to: name, iteration (its number in the campaign), stage_iteration (in the "
        "stage, from 1)",
    )
    spec.expose_inputs(SampleWorkChain, include=("structures", "ensemble"))
    spec.expose_inputs(TrainWorkChain, include=tuple(SETS.values()))
    # before the first labels there are none; what a fit asks of them, the training step asks when it begins
    spec.inputs.validator = None
    for name in SETS.values():
        spec.inputs[name].required = False
    spec.input("groups", valid_type=Dict, default=lambda: Dict({}), help="stage of each key of tests and transfers")
    spec.input("report", valid_type=Dict, required=False, help="of the last fit")
    spec.input_namespace(
        "fingerprints", valid_type=ArrayData, dynamic=True, required=False, help="of all frames chosen so far, with their ids"
    )
    spec.input_namespace("decisions", valid_type=Dict, dynamic=True, required=False, help="earlier ones of this stage")
    spec.input(
        "allowance",
        valid_type=Dict,
        default=lambda: Dict({"labels": None, "ask": False}),
        help="labels: the most that may be bought, or null; ask: whether a person is to be asked before",
    )
    spec.input("seed", valid_type=Int, help="of the campaign; each use of random numbers has one derived from it")
    spec.input("candidates", valid_type=FramesData, required=False, help="sampled before their turn: not sampled again")
    spec.input_namespace(
        "choice", valid_type=Data, dynamic=True, required=False, help="made in an earlier campaign: to go on from"
    )
    spec.input("ahead", valid_type=Dict, required=False, help="stage and stage_iteration to begin to sample meanwhile")
    for name, (kind, about) in OUTPUTS.items():
        spec.output(name, valid_type=kind, required=False, help=about)
    declare_exit_codes(spec, OF_ITERATION)


def validate_stage(value: Dict, _: Any) -> str | None:
    """Refuse what does not say which iteration this is."""
    expected = {"name": str, "iteration": int, "stage_iteration": int}
    values = value.get_dict()
    wrong = [f"{key} ({kind.__name__})" for key, kind in expected.items() if not isinstance(values.get(key), kind)]
    return f"expected {', '.join(wrong)}, got {values}" if wrong else None
