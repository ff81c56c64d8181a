"""Each exception a calculator may raise has the kind of failure it stands for."""

import subprocess

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators import calculator as ase_errors

from alworkflows.calculators import FailureKind, LabelError, classify
from alworkflows.calculators.failures import record, write_failures
from alworkflows.errors import InputError, MissingExtraError
from alworkflows.frames import frame_id


def named(name, parent=RuntimeError):
    """Return an exception class as a program that is not installed defines it."""
    return type(name, (parent,), {"__module__": "program"})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LabelError(FailureKind.SPIN, "jumped"), "spin"),
        (named("KohnShamConvergenceError", Exception)(), "unconverged"),
        (named("TooFewBandsError", named("KohnShamConvergenceError", Exception))(), "unconverged"),
        (ase_errors.SCFError("no"), "unconverged"),
        (RuntimeError("SCF did not converge"), "unconverged"),
        (ase_errors.CalculationFailed("command failed with code 1"), "crash"),
        (ase_errors.CalculationFailed("electronic structure not converged"), "unconverged"),
        (ase_errors.CalculatorSetupError("k-points and Gamma"), "refused"),
        (ase_errors.InputError("no"), "refused"),
        (ase_errors.ReadError("energy not found"), "truncated"),
        (ase_errors.PropertyNotPresent("forces"), "truncated"),
        (ase_errors.PropertyNotImplementedError("stress"), "refused"),
        (named("AtomsTooClose")("0.1 A"), "geometry"),
        (named("GridBoundsError", ValueError)("box"), "geometry"),
        (RuntimeError("atoms too close"), "geometry"),
        (MemoryError(), "memory"),
        (named("OutOfMemoryError")("CUDA"), "memory"),
        (OSError(12, "Cannot allocate memory"), "memory"),
        (subprocess.CalledProcessError(-9, "program"), "memory"),
        (subprocess.CalledProcessError(137, "program"), "memory"),
        (subprocess.CalledProcessError(-11, "program"), "crash"),
        (BrokenPipeError(), "crash"),
        (AssertionError(), "crash"),
        (RuntimeError("whatever"), "crash"),
        (np.linalg.LinAlgError("not positive definite"), "crash"),
        (EOFError(), "truncated"),
        (FileNotFoundError("OUTPUT"), "truncated"),
        (InputError("no such data set"), "refused"),
        (MissingExtraError("it", "package"), "refused"),
        (NotImplementedError(), "refused"),
        (ValueError("species Og"), "refused"),
        (KeyError("Og"), "refused"),
        (TypeError(), "refused"),
    ],
)
def test_kind_of_an_exception(error, kind):
    kind_of_error, reason = classify(error)
    assert kind_of_error == FailureKind(kind)
    assert str(error) in reason


def test_a_reason_is_never_empty():
    assert classify(AssertionError())[1] == "AssertionError"


def test_gpaws_own_error_is_known():
    gpaw = pytest.importorskip("gpaw", reason="the extra 'gpaw' is not installed")
    assert classify(gpaw.KohnShamConvergenceError())[0] == FailureKind.UNCONVERGED


def test_records_are_written_whole(tmp_path):
    import json

    frame = bulk("Cu")
    failure = record(frame, 3, FailureKind.FORCE, "too large", seconds=1.0)
    write_failures(tmp_path / "failures.json", [failure])
    assert json.loads((tmp_path / "failures.json").read_text()) == [
        {"id": frame_id(frame), "index": 3, "kind": "force", "reason": "too large", "seconds": 1.0}
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["failures.json"]
