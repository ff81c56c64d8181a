"""Any frames, written in each format that we write and read back, are the same to the digits of the format."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixCartesian
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alworkflows import frames as fr
from alworkflows.frames.kept import kept_arrays
from alworkflows.frames.writing import left_behind, write

QUICK = settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))

SYMBOLS = st.sampled_from(["H", "O", "Zn", "Cu", "Og"])
#: small enough to be no absurd force, with all digits of a double
NUMBERS = st.floats(-20, 20)
#: of positions about the points of a grid, A
SHIFTS = st.floats(-0.4, 0.4)
#: what cannot stand in a line of a file is no name
NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
KEPT = {
    "weight": st.floats(1e-6, 1e6),
    "config_type": NAMES,
    "charge": st.integers(-4, 4).map(float),
    "spin": st.integers(1, 5).map(float),
}


def rows(draw: Any, elements: st.SearchStrategy[float], *shape: int) -> np.ndarray:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(elements, min_size=size, max_size=size))).reshape(shape)


@st.composite
def frames(draw: Any, pbc: st.SearchStrategy[tuple[bool, ...]]) -> Atoms:
    """A frame with any labels or none, in a cell of its own, right-handed or not."""
    count = draw(st.integers(1, 4))
    symbols = [draw(SYMBOLS) for _ in range(count)]
    periodic = draw(pbc)
    cell = np.diag([9.0, 8.0, draw(st.sampled_from([7.0, -7.0]))]) + rows(draw, SHIFTS, 3, 3)
    cell[[not repeats for repeats in periodic]] *= draw(st.sampled_from([0.0, 1.0])) if not all(periodic) else 1.0
    grid = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 2.5, 0.0], [2.0, 2.5, 3.0]])[:count]
    atoms = Atoms(symbols, positions=grid + rows(draw, SHIFTS, count, 3), cell=cell, pbc=periodic)
    results: dict[str, Any] = {}
    if draw(st.booleans()):
        results["energy"] = draw(st.floats(-1e6, 1e6))
    if draw(st.booleans()):
        results["forces"] = rows(draw, NUMBERS, count, 3)
    if all(periodic) and draw(st.booleans()):
        results["stress"] = rows(draw, st.floats(-1, 1), 6)
    if draw(st.booleans()):
        results["energies"] = rows(draw, NUMBERS, count)
    if results and draw(st.booleans()):
        results["magmoms"] = rows(draw, NUMBERS, count)
    if draw(st.booleans()):
        atoms.set_initial_magnetic_moments(rows(draw, NUMBERS, count))
    for key, values in KEPT.items():
        if draw(st.booleans()):
            atoms.info[key] = draw(values)
    if draw(st.booleans()):
        constraints: list[Any] = [FixAtoms([0])] if draw(st.booleans()) else []
        if count > 1:
            constraints.append(FixCartesian(1, draw(st.sampled_from([(True, False, False), (False, True, True)]))))
        atoms.set_constraint(constraints)
    atoms.calc = SinglePointCalculator(atoms, **results) if results else None
    return atoms


def any_of(*periodic: tuple[bool, ...]) -> st.SearchStrategy[list[Atoms]]:
    return st.lists(frames(st.sampled_from(periodic)), min_size=1, max_size=4)


ALL = [tuple(bool(number >> axis & 1) for axis in range(3)) for number in range(8)]
#: what a .cfg file can say
FIRST = [(True, True, True), (True, True, False), (True, False, False), (False, False, False)]


def again(written: list[Atoms], name: str, **options: Any) -> list[Atoms]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, written, **options)
        return fr.read_files([str(path)]).frames


def require_same_labels(one: Atoms, other: Atoms, digits: float = 0.0) -> None:
    first, second = fr.labels(one), fr.labels(other)
    for name in ("energy", "forces", "stress"):
        expected, got = getattr(first, name), getattr(second, name)
        assert (expected is None) == (got is None), name
        if expected is not None:
            np.testing.assert_allclose(got, expected, rtol=digits, atol=digits)


def require_same(one: Atoms, other: Atoms) -> None:
    """Everything that is kept, to the last bit."""
    assert fr.frame_id(one) == fr.frame_id(other)
    require_same_labels(one, other)
    expected, got = kept_arrays(one), kept_arrays(other)
    assert expected.keys() == got.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)
    assert {key: one.info.get(key) for key in KEPT} == {key: other.info.get(key) for key in KEPT}


class TestExact:
    @QUICK
    @given(any_of(*ALL))
    def test_npz(self, written: list[Atoms]) -> None:
        for one, other in zip(written, again(written, "frames.npz"), strict=True):
            require_same(one, other)

    @QUICK
    @given(any_of(*ALL), st.sampled_from(["", "REF_"]))
    def test_extended_xyz_with_either_keys(self, written: list[Atoms], prefix: str) -> None:
        for one, other in zip(written, again(written, "frames.xyz", prefix=prefix), strict=True):
            require_same(one, other)


def stateless(atoms: Atoms) -> Atoms:
    """The frame without charge and moments, for which formats of other programs have no place."""
    copy = atoms.copy()
    copy.info.pop("charge", None)
    copy.arrays.pop("initial_magmoms", None)
    return copy


class TestOfOtherPrograms:
    @QUICK
    @given(any_of(*FIRST))
    def test_mtp(self, written: list[Atoms]) -> None:
        for one, other in zip(written, again(written, "frames.cfg"), strict=True):
            # a direction that does not repeat has no lattice vector there
            one.cell[~one.pbc] = 0.0
            assert fr.frame_id(stateless(one)) == fr.frame_id(other)
            require_same_labels(one, other, digits=1e-12)
            assert one.info.get("weight") == other.info.get("weight")
            assert one.info.get("config_type") == other.info.get("config_type")

    @QUICK
    @given(any_of((True, True, True), (False, False, False)))
    def test_deepmd(self, written: list[Atoms]) -> None:
        for one in written:
            one.cell[~one.pbc] = 0.0
        # frames of the same atoms with the same labels come together there
        systems: dict[Any, list[Atoms]] = {}
        for one in written:
            there = fr.labels(one)
            key = (tuple(one.numbers), *one.pbc, there.energy is None, there.forces is None, there.stress is None)
            systems.setdefault(key, []).append(one)
        expected = [one for members in systems.values() for one in members]
        for one, other in zip(expected, again(written, "deepmd", form="deepmd"), strict=True):
            assert fr.frame_id(stateless(one)) == fr.frame_id(other)
            require_same_labels(one, other, digits=1e-12)


@pytest.mark.parametrize("text", ["007", "1e5", "T", "1 2 3", "a=b", 'a "b"', "a\\b", "=", "ü"])
@pytest.mark.parametrize("name", ["frames.xyz", "frames.npz", "frames.cfg"])
def test_the_name_of_a_kind_is_a_text(text: str, name: str) -> None:
    atoms = Atoms("H", positions=[[0, 0, 0]], info={"config_type": text})
    assert again([atoms], name)[0].info["config_type"] == text


@pytest.mark.parametrize("form", ["mtp-cfg", "deepmd"])
def test_what_has_no_place_is_told(form: str) -> None:
    atoms = Atoms("CuO", positions=[[0, 0, 0], [0, 0, 2]], cell=[5, 5, 5], pbc=True)
    atoms.set_constraint(FixAtoms([0]))
    atoms.info |= {"weight": 2.0, "charge": 1.0}
    assert left_behind([atoms], {"name": "vasp"}, form) == [
        "charge",
        "engine",
        "fixed",
        *(["weight"] if form == "deepmd" else []),
    ]
    assert left_behind([atoms], {"name": "vasp"}, "extxyz") == []
