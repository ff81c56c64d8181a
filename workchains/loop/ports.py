"""What goes into a campaign, and what comes out."""

from __future__ import annotations

from typing import Any

from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Data, Dict

from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.loop.exit_codes import OF_CAMPAIGN, OF_ITERATION, declare_exit_codes
from workchains.loop.given import GivenDataWorkChain
from workchains.loop.products import PRODUCTS, about

__all__ = ["declare"]


def declare(spec: WorkChainSpec) -> None:
    """Declare inputs, outputs and exit codes."""
    spec.input_namespace("files", valid_type=FramesData, dynamic=True, required=False, help="structures read from files, by name")
    spec.expose_inputs(GivenDataWorkChain, namespace="given", include=("sources", "uses"))
    given: Any = spec.inputs["given"]
    given.required = given["sources"].required = given["uses"].required = False
    spec.input("resumed", valid_type=Dict, required=False, help="where the campaign stood that this one goes on from")
    for name in PRODUCTS.values():
        spec.input_namespace(f"previous.{name}", valid_type=Data, dynamic=True, required=False, help="of its finished iterations")
    spec.inputs["previous"].required = False
    spec.input_namespace(
        "unfinished",
        valid_type=Data,
        dynamic=True,
        required=False,
        help="what was chosen in its last iteration, if labels were begun",
    )
    spec.output("structures", valid_type=FramesData, required=False, help="starting structures")
    spec.output("ensemble", valid_type=EnsembleData, required=False, help="the last ensemble")
    for name in PRODUCTS.values():
        kind, what = about(name)
        spec.output_namespace(name, valid_type=kind, dynamic=True, help=f"{what}, by iteration")
    spec.output("evaluation", valid_type=Dict, required=False, help="errors of every ensemble on the final test set, per stage")
    declare_exit_codes(spec, (*OF_CAMPAIGN, *OF_ITERATION))
