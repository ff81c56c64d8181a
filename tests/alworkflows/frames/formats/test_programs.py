"""Outputs of pw.x, CP2K and GPAW, as the programs wrote them (samples/): labels, units, signs, and what is not believed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.cell import Cell
from ase.units import Bohr, GPa, Hartree, Rydberg

from alworkflows.errors import InputError
from alworkflows.frames import Reading, labels, read_files
from alworkflows.frames.faults import FaultKind
from alworkflows.frames.formats.cp2k_output import _cell as cp2k_cell
from alworkflows.settings import ReadSettings

SAMPLES = Path(__file__).parent / "samples"
SKIP = ReadSettings(skip_bad=True)


def read(name: str, settings: ReadSettings | None = None) -> Reading:
    return read_files([str(SAMPLES / name)], settings)


def kinds(reading: Reading) -> list[tuple[FaultKind, int | None]]:
    return [(fault.kind, fault.index) for fault in reading.report.faults]


@pytest.mark.parametrize("name", ["pw_unconverged.out", "cp2k_unconverged.out", "gpaw_unconv.txt"])
def test_what_did_not_converge_is_left_out(name: str) -> None:
    with pytest.raises(InputError, match="not converge"):
        read(name)
    with pytest.raises(InputError, match="holds no frames that can be used"):
        read(name, SKIP)


class TestEspresso:
    def test_a_relaxation_has_as_many_frames_as_self_consistent_fields(self) -> None:
        frames = read("pw_relax.out").frames
        assert len(frames) == 4
        got = labels(frames[0])
        assert got.energy == pytest.approx(-5.80877643 * Rydberg, abs=1e-4)
        np.testing.assert_allclose(got.forces[0], np.array([-0.11606173, -0.1705397, -0.13197233]) * Rydberg / Bohr, atol=1e-4)
        # pw.x prints a pressure of 2158.93 kbar
        assert -got.stress[:3].mean() / GPa * 10 == pytest.approx(2158.93, rel=1e-4)

    def test_the_xml_has_the_positions_of_its_labels(self) -> None:
        # the last positions of dynamics are those after the last step, beside the energy before it
        frames = read("pw_dynamics.xml").frames
        assert len(frames) == 4
        assert [labels(frame).stress is None for frame in frames] == [True, True, True, False]
        np.testing.assert_allclose(frames[0].get_scaled_positions(wrap=False)[0], [0.02, 0, 0], atol=1e-6)
        assert labels(frames[3]).energy == pytest.approx(-5.82525644 * Rydberg, abs=1e-4)

    def test_a_step_that_did_not_converge(self, tmp_path: Path) -> None:
        text = (SAMPLES / "pw_relax.out").read_text()
        text = text.replace(
            "convergence has been achieved in   7 iterations", "convergence NOT achieved after 100 iterations: stopping"
        )
        (tmp_path / "pw.out").write_text(text)
        reading = read_files([str(tmp_path / "pw.out")], SKIP)
        assert kinds(reading) == [(FaultKind.UNCONVERGED, 1)]
        assert "after 100 iterations" in str(reading.report.faults[0])

    @pytest.mark.parametrize("after", ["iteration #  3", "Forces acting on atoms", "total   stress"])
    def test_a_file_that_is_cut_off(self, tmp_path: Path, after: str) -> None:
        text = (SAMPLES / "pw_relax.out").read_text()
        (tmp_path / "pw.out").write_text(text[: text.rindex(after) + 60])
        reading = read_files([str(tmp_path / "pw.out")], SKIP)
        assert kinds(reading) == [(FaultKind.TRUNCATED, 3)]
        assert len(reading.frames) == 3

    def test_two_runs_in_one_file_are_both_read(self, tmp_path: Path) -> None:
        (tmp_path / "pw.out").write_text(2 * (SAMPLES / "pw_relax.out").read_text())
        assert len(read_files([str(tmp_path / "pw.out")]).frames) == 8

    def test_without_its_beginning(self, tmp_path: Path) -> None:
        text = (SAMPLES / "pw_relax.out").read_text()
        (tmp_path / "pw.out").write_text(text[text.index("Forces acting") :])
        with pytest.raises(InputError, match=r"beginning of pw\.x's output"):
            read_files([str(tmp_path / "pw.out")], ReadSettings(format="espresso-out"))


class TestCp2k:
    def test_positions_come_from_the_trajectory_with_the_same_energies(self, tmp_path: Path) -> None:
        for name in ("cp2k_dynamics.out", "md-pos-1.xyz"):
            shutil.copy(SAMPLES / name, tmp_path)
        frames = read_files([str(tmp_path / "cp2k_dynamics.out")]).frames
        assert len(frames) == 4
        assert frames[3].get_chemical_symbols() == ["Si", "Si", "H"]
        np.testing.assert_allclose(frames[0].cell.array, [[4, 0, 0], [0.3, 4.1, 0], [0, 0.2, 4.2]], atol=1e-5)
        got = labels(frames[0])
        assert got.energy == pytest.approx(-8.009028300038025 * Hartree)
        np.testing.assert_allclose(got.forces[2], np.array([0.96653556, 0.29654734, -1.19653076]) * Hartree / Bohr, rtol=1e-6)
        # a pressure there, a stress here
        np.testing.assert_allclose(got.stress[[0, 3]], -np.array([16.0746261996, -5.17558681704]) * GPa, rtol=1e-6)

    def test_steps_whose_positions_nobody_knows_are_named(self, tmp_path: Path) -> None:
        shutil.copy(SAMPLES / "cp2k_dynamics.out", tmp_path)
        path = str(tmp_path / "cp2k_dynamics.out")
        with pytest.raises(InputError, match=r"positions of 3 of 4 steps.*md-pos-1\.xyz"):
            read_files([path])
        assert len(read_files([path], SKIP).frames) == 1

    def test_a_cell_that_varies_is_not_taken_from_the_beginning(self, tmp_path: Path) -> None:
        text = (SAMPLES / "cp2k_dynamics.out").read_text()
        (tmp_path / "md.out").write_text(text.replace(" MODULE QUICK", " MD_PAR| Ensemble type    NPT_F\n MODULE QUICK"))
        shutil.copy(SAMPLES / "md-pos-1.xyz", tmp_path)
        with pytest.raises(InputError, match=r"md-1\.cell"):
            read_files([str(tmp_path / "md.out")])
        rows = [f"{step} {0.5 * step} {4 + step} 0 0 0 4 0 0 0 4 64" for step in range(4)]
        (tmp_path / "md-1.cell").write_text("\n".join(["# Step Time ...", *rows]))
        assert [frame.cell[0, 0] for frame in read_files([str(tmp_path / "md.out")]).frames] == [4, 5, 6, 7]

    def test_cut_off(self, tmp_path: Path) -> None:
        text = (SAMPLES / "cp2k_dynamics.out").read_text()
        shutil.copy(SAMPLES / "md-pos-1.xyz", tmp_path)
        (tmp_path / "md.out").write_text(text[: text.rindex("Atom   Kind") + 200])
        reading = read_files([str(tmp_path / "md.out")], SKIP)
        assert sorted(kinds(reading)) == [(FaultKind.TRUNCATED, 3), (FaultKind.TRUNCATED, 4)]
        assert len(reading.frames) == 3

    def test_two_runs_in_one_file(self, tmp_path: Path) -> None:
        (tmp_path / "md.out").write_text(2 * (SAMPLES / "cp2k_dynamics.out").read_text())
        with pytest.raises(InputError, match="2 runs of CP2K"):
            read_files([str(tmp_path / "md.out")])


#: the layout that GPAW had before its tables had bars
EARLIER = """
  ___ ___ ___ _ _ _
 |   |   |_  | | | |
 | | | | | . | | | |
 |__ |  _|___|_____|  22.8.0
 |___|_|

Positions:
   0 H      2.000000    2.000000    2.000000    ( 0.0000,  0.0000,  0.0000)
   1 H      2.000000    2.000000    2.740000    ( 0.0000,  0.0000,  0.0000)

Unit cell:
           periodic     x           y           z      points  spacing
  1. axis:    yes    4.000000    0.000000    0.000000    20     0.2000
  2. axis:    yes    0.000000    4.000000    0.000000    20     0.2000
  3. axis:    no     0.000000    0.000000    4.000000    20     0.2000

iter:   1  12:00:00    -6.5
{verdict}

Energy contributions relative to reference atoms: (reference = -24.3)

Kinetic:         +10.000000
--------------------------
Free energy:     -6.650000
Extrapolated:    -6.640000

Forces in eV/Ang:
  0 H     0.00000    0.00000   -0.50000
  1 H     0.00000    0.00000    0.50000

Timing:                              incl.     excl.
"""


class TestGpaw:
    def test_energies_are_free_energies(self) -> None:
        reading = read("gpaw_ok.txt")
        got = [labels(frame) for frame in reading.frames]
        assert [one.energy for one in got] == [-12.635529, -12.534072, -12.404976]
        np.testing.assert_allclose(got[0].forces[0], [-0.1197, 0.03656, -2.20821])
        np.testing.assert_allclose(got[0].stress, [0.773696, 0.777637, -1.287173, 0.004106, -0.002535, 0.000134])
        np.testing.assert_allclose(reading.frames[0].cell[2], [0, 0.1, 4.05])

    def test_the_earlier_layout(self, tmp_path: Path) -> None:
        (tmp_path / "out.txt").write_text(EARLIER.format(verdict="Converged after 12 iterations."))
        frame = read_files([str(tmp_path / "out.txt")]).frames[0]
        assert labels(frame).energy == -6.65
        assert frame.pbc.tolist() == [True, True, False]
        np.testing.assert_allclose(labels(frame).forces[:, 2], [-0.5, 0.5])

    def test_the_earlier_layout_that_did_not_converge(self, tmp_path: Path) -> None:
        (tmp_path / "out.txt").write_text(EARLIER.format(verdict="Did not converge!"))
        with pytest.raises(InputError, match="did not converge"):
            read_files([str(tmp_path / "out.txt")])

    @pytest.mark.parametrize("after", ["|iter:   3|", "Energy contributions:", "Forces  #", "Stress tensor", "-0.007517 | 0.0"])
    def test_cut_off(self, tmp_path: Path, after: str) -> None:
        text = (SAMPLES / "gpaw_ok.txt").read_text()
        (tmp_path / "out.txt").write_text(text[: text.rindex(after)])
        reading = read_files([str(tmp_path / "out.txt")], SKIP)
        assert kinds(reading) == [(FaultKind.TRUNCATED, 2)]
        assert len(reading.frames) == 2

    def test_without_its_end(self, tmp_path: Path) -> None:
        text = (SAMPLES / "gpaw_ok.txt").read_text()
        (tmp_path / "out.txt").write_text(text[: text.rindex("timing:")])
        reading = read_files([str(tmp_path / "out.txt")], SKIP)
        assert kinds(reading) == [(FaultKind.TRUNCATED, 3)]
        assert len(reading.frames) == 3


@pytest.mark.parametrize("seed", range(4))
def test_a_cell_of_cp2k_is_as_exact_as_its_lengths_and_angles(seed: int) -> None:
    """Vectors have three decimals there, lengths and angles six."""
    rng = np.random.default_rng(seed)
    exact = 6 * np.eye(3) + rng.normal(size=(3, 3))
    cell = Cell(exact)
    parameters = np.round(cell.cellpar(), 6)
    vectors = [(vector.tolist(), length) for vector, length in zip(np.round(exact, 3), parameters[:3], strict=True)]
    found = cp2k_cell(vectors, parameters[3:].tolist())
    np.testing.assert_allclose(found, exact, atol=1e-3)
    np.testing.assert_allclose(found @ found.T, exact @ exact.T, atol=3e-5)
