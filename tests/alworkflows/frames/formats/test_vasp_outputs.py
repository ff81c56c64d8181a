"""Outputs of VASP: what converged is read, what did not, was cut off or is of a learnt force field is named."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from vasp_files import FINISHED, outcar, vasprun

from alworkflows.errors import InputError
from alworkflows.frames import Reading, labels, read_files
from alworkflows.frames.faults import FaultKind
from alworkflows.settings import ReadSettings

SKIP = ReadSettings(skip_bad=True)


@pytest.fixture
def steps() -> list[Atoms]:
    frames = []
    for seed in range(3):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        frames.append(atoms)
    return frames


def read(folder: Path, name: str, text: str, settings: ReadSettings = SKIP) -> Reading:
    path = folder / name
    path.write_text(text)
    return read_files([str(path)], settings)


def require_labels(frame: Atoms, expected: Atoms) -> None:
    got = labels(frame)
    assert got.energy == pytest.approx(expected.get_potential_energy(), abs=1e-6)
    np.testing.assert_allclose(got.forces, expected.get_forces(), atol=1e-5)
    np.testing.assert_allclose(got.stress, expected.get_stress(), atol=1e-7)


class TestOutcar:
    def test_steps_that_converged_have_free_energies(self, tmp_path: Path, steps: list[Atoms]) -> None:
        reading = read(tmp_path, "OUTCAR", outcar(steps, ["reached"] * 3) + FINISHED, ReadSettings())
        for frame, step in zip(reading.frames, steps, strict=True):
            require_labels(frame, step)

    @pytest.mark.parametrize(
        ("end", "words"),
        [
            ("limit", "not converged after 60 steps \\(NELM = 60\\)"),
            ("silent", "nothing says that the self-consistent field converged"),
            ("learnt", "force field that VASP learnt"),
        ],
    )
    def test_a_step_that_is_no_label(self, tmp_path: Path, steps: list[Atoms], end: str, words: str) -> None:
        text = outcar(steps, ["reached", end, "reached"]) + FINISHED
        reading = read(tmp_path, "OUTCAR", text)
        require_labels(reading.frames[1], steps[2])
        assert [(fault.kind, fault.index) for fault in reading.report.faults] == [(FaultKind.UNCONVERGED, 1)]
        with pytest.raises(InputError, match=words):
            read(tmp_path, "OUTCAR", text, ReadSettings())

    def test_of_vasp_5_that_ended_at_its_limit_nothing_is_written(self, tmp_path: Path, steps: list[Atoms]) -> None:
        text = outcar(steps, ["silent", "reached", "reached"], steps=60).replace("vasp.6.3.0", "vasp.5.4.4") + FINISHED
        assert "after 60 steps" in str(read(tmp_path, "OUTCAR", text).report.faults[0])

    @pytest.mark.parametrize("lost", [10, 300, 700, 1100])
    def test_a_step_that_is_cut_off(self, tmp_path: Path, steps: list[Atoms], lost: int) -> None:
        reading = read(tmp_path, "OUTCAR", outcar(steps, ["reached"] * 3)[:-lost])
        assert reading.report.faults[-1].kind is FaultKind.TRUNCATED
        for frame, step in zip(reading.frames, steps, strict=False):
            require_labels(frame, step)
        assert len(reading.frames) == (3 if lost == 10 else 2)

    def test_two_runs_in_one_file(self, tmp_path: Path, steps: list[Atoms]) -> None:
        with pytest.raises(InputError, match="2 runs of VASP"):
            read(tmp_path, "OUTCAR", 2 * (outcar(steps, ["reached"] * 3) + FINISHED))


class TestVasprun:
    def test_steps_that_converged(self, tmp_path: Path, steps: list[Atoms]) -> None:
        for frame, step in zip(
            read(tmp_path, "vasprun.xml", vasprun(steps, [8, 9, 10]), ReadSettings()).frames, steps, strict=True
        ):
            require_labels(frame, step)

    def test_a_pressure_is_not_part_of_the_energy(self, tmp_path: Path, steps: list[Atoms]) -> None:
        require_labels(read(tmp_path, "vasprun.xml", vasprun(steps, [8, 8, 8], pressure=50.0)).frames[1], steps[1])

    def test_the_limit_is_that_which_vasp_used(self, tmp_path: Path, steps: list[Atoms]) -> None:
        # INCAR says 10 there
        reading = read(tmp_path, "vasprun.xml", vasprun(steps, [12, 60, 59]))
        assert [fault.index for fault in reading.report.faults] == [1]

    def test_steps_of_a_learnt_force_field_are_no_labels_and_yet_configurations(self, tmp_path: Path, steps: list[Atoms]) -> None:
        text = vasprun(steps, [8, 0, 0])
        reading = read(tmp_path, "vasprun.xml", text)
        require_labels(reading.frames[0], steps[0])
        assert [fault.index for fault in reading.report.faults] == [1, 2]
        unlabelled = read_files([str(tmp_path / "vasprun.xml")], with_labels=False).frames
        np.testing.assert_allclose(unlabelled[2].get_scaled_positions(), steps[2].get_scaled_positions(), atol=1e-6)

    @pytest.mark.parametrize("lost", [11, 200, 500])
    def test_a_file_that_is_cut_off(self, tmp_path: Path, steps: list[Atoms], lost: int) -> None:
        reading = read(tmp_path, "vasprun.xml", vasprun(steps, [8, 8, 8])[:-lost])
        assert reading.report.faults[-1].kind is FaultKind.TRUNCATED
        assert len(reading.frames) == (3 if lost == 11 else 2)

    def test_two_files_in_one(self, tmp_path: Path, steps: list[Atoms]) -> None:
        with pytest.raises(InputError, match="something follows the end"):
            read(tmp_path, "vasprun.xml", 2 * vasprun(steps, [8, 8, 8]))
