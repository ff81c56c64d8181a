"""Files for LAMMPS, run by LAMMPS: the plugin is built from what is written, and all is compared with our own calculator."""

import json
import shutil
import subprocess
import sys

import ase.io
import numpy as np
import pytest
from ase.build import bulk, surface

from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.export import export_lammps
from alworkflows.models import Ensemble, LinearModel
from alworkflows.settings import PlipSettings
from alworkflows.settings.model import BaselineSettings

SPECIES = ("Zn", "O")
ORDER = [0, 1, 2, 5, 4, 3]  # LAMMPS' stress components in our order

RUN = """
import json, os, sys
import numpy as np
from alworkflows.simulation.lammps import library

folder, include, commands = sys.argv[1:4]
os.chdir(folder)
lammps = library().lammps(cmdargs=["-log", "none", "-screen", "none"])
lammps.commands_string("units metal\\natom_style atomic\\nread_data frame.data\\nmass 1 65.38\\nmass 2 15.999\\n")
lammps.file(include)
lammps.commands_string(
    "compute each all pe/atom\\ncompute part all stress/atom NULL virial\\nthermo_modify norm no\\n"
    "thermo_style custom step pe etotal pxx pyy pzz pyz pxz pxy\\n" + commands
)
count = lammps.get_natoms()
order = np.argsort(lammps.numpy.extract_atom("id")[:count])
print(json.dumps({
    "energy": lammps.get_thermo("pe"), "total": lammps.get_thermo("etotal"),
    "forces": lammps.numpy.extract_atom("f")[:count][order].tolist(),
    "pressure": [lammps.get_thermo(name) for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")],
    "each": lammps.numpy.extract_compute("each", 1, 1)[:count][order].tolist(),
    "part": lammps.numpy.extract_compute("part", 1, 2)[:count].sum(axis=0).tolist(),
}))
"""
BAR = 1e-4 / 160.21766208


def sparse(descriptors, share, seed, body=None):
    """Return two models with few terms, which count alike on a crystal and make some eV/A."""
    rng = np.random.default_rng(seed)
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=True)
    atoms.rattle(0.1, seed=1)
    scale = np.abs(descriptors.design(atoms).forces).max(axis=0)
    weights = rng.normal(size=(2, descriptors.size)) * (rng.random((2, descriptors.size)) < share)
    weights[:, scale < 1e-3 * np.median(scale)] = 0.0
    if body:
        weights[:, [term.body not in body for term in descriptors.terms]] = 0.0
    return weights / np.where(scale > 0, scale, 1.0)


def ensemble(body=None, baseline=True, share=0.01, size=0.2):
    descriptors = build(PlipSettings(), SPECIES)
    repulsion = BaselineSettings(inner=0.8, outer=1.7) if baseline else None
    energies = np.array([-1.5, -4.25])
    weights = size * sparse(descriptors, share, 3, body)
    return Ensemble([LinearModel(descriptors.settings, SPECIES, each, energies, repulsion) for each in weights])


def frames():
    crystal = bulk("ZnO", "wurtzite", a=3.29, c=5.3).repeat((3, 2, 2))
    hot = bulk("ZnO", "zincblende", a=4.6, cubic=True).repeat((2, 2, 1))
    hot.rattle(0.2, seed=2)
    slab = surface(bulk("ZnO", "zincblende", a=4.6), (1, 1, 0), 3, vacuum=6.0, periodic=True)
    slab = slab.repeat((3, 2, 1))
    slab.rattle(0.1, seed=3)
    return {"crystal": crystal, "hot": hot, "slab": slab}


def run(folder, atoms, include, commands="run 0\n", launcher=()):
    ase.io.write(folder / "frame.data", atoms, format="lammps-data", specorder=list(SPECIES), masses=False)
    command = [*launcher, sys.executable, "-c", RUN, str(folder), include, commands]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A whole model with its plugin, built."""
    if not (shutil.which("gcc") and shutil.which("g++")):
        pytest.skip("no C and C++ compiler to build the plugin with")
    path = tmp_path_factory.mktemp("potential")
    written = export_lammps(ensemble(), path)
    assert written.needs_plugin
    assert all((path / name).is_file() for name in written.files)
    built = subprocess.run(
        ["sh", "plugin/build.sh"],
        cwd=path,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return path


def rotated(atoms, include, folder, commands="run 0\n"):
    """Return LAMMPS' results and ours for the cell as LAMMPS holds it."""
    results = run(folder, atoms, include, commands)
    held = ase.io.read(folder / "frame.data", format="lammps-data", atom_style="atomic", units="metal")
    ours = atoms.copy()
    ours.set_cell(held.cell, scale_atoms=True)
    return results, ours


@pytest.mark.parametrize("name", ["crystal", "hot", "slab"])
@pytest.mark.parametrize(("include", "tolerance"), [("in.plip", 1e-6), ("in.stock", 1e-4)])
def test_forces_energy_and_stress_are_ours(folder, name, include, tolerance):
    results, atoms = rotated(frames()[name], include, folder)
    atoms.calc = ensemble().calculator()
    forces = atoms.get_forces()
    assert np.abs(forces).max() > 0.02
    np.testing.assert_allclose(results["forces"], forces, atol=tolerance)
    assert results["energy"] == pytest.approx(atoms.get_potential_energy(), abs=tolerance * len(atoms))
    stress = atoms.get_stress()
    np.testing.assert_allclose(-np.array(results["pressure"]) * BAR, stress, atol=tolerance * 10)
    np.testing.assert_allclose(sum(results["each"]), results["energy"], rtol=1e-9)
    part = np.array(results["part"])[ORDER] * BAR / atoms.get_volume()
    if include == "in.plip":
        np.testing.assert_allclose(part, stress, atol=1e-5)


@pytest.mark.parametrize("body", [("2B",), ("NB",), ("2B", "NB")])
def test_models_without_three_body_terms_need_no_plugin(tmp_path, body):
    model = ensemble(body, baseline="NB" not in body, share=0.05)
    written = export_lammps(model, tmp_path)
    assert not written.needs_plugin
    assert "plugin load" not in (tmp_path / "in.stock").read_text()
    results, atoms = rotated(frames()["hot"], "in.stock", tmp_path)
    atoms.calc = model.calculator()
    np.testing.assert_allclose(results["forces"], atoms.get_forces(), atol=1e-4)
    if "NB" in body:
        assert results["energy"] == pytest.approx(atoms.get_potential_energy(), abs=1e-3)
    else:
        assert "lack a constant" in (tmp_path / "in.stock").read_text()


def test_dynamics_conserve_energy(folder):
    atoms = bulk("ZnO", "wurtzite", a=3.29, c=5.3).repeat((3, 3, 2))
    start = "velocity all create 300 4928 mom yes\nfix 1 all nve\ntimestep 0.0001\nrun 0\n"
    before = run(folder, atoms, "in.plip", start)["total"]
    after = run(folder, atoms, "in.plip", start + "run 400\n")["total"]
    assert abs(after - before) / len(atoms) < 2e-5


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("plugin load plugin/plip.so\npair_style plip\npair_coeff * * model.plip Zn S\n", "has no species S; it has Zn O"),
        ("plugin load plugin/plip.so\npair_style plip\npair_coeff * * nowhere.plip Zn O\n", "nowhere.plip: cannot be opened"),
        ("plugin load plugin/plip.so\npair_style plip\npair_coeff * * in.stock Zn O\n", "in.stock: not a model file"),
        ("plugin load plugin/plip.so\npair_style plip\npair_coeff * * broken.plip Zn O\n", "broken.plip: "),
        ("plugin load plugin/plip.so\npair_style plip\npair_coeff * * model.plip Zn\n", "a symbol or NULL for each of the 2"),
        ("plugin load plugin/plip.so\npair_style plip 6.0\n", "takes no arguments, got 6.0"),
        ("plugin load plugin/plip.so\nnewton off\npair_style plip\npair_coeff * * model.plip Zn O\n", "newton"),
    ],
)
def test_bad_input_is_refused_in_words(folder, include, message):
    (folder / "in.bad").write_text(include)
    text = (folder / "model.plip").read_text()
    (folder / "broken.plip").write_text(text[: len(text) // 2])
    with pytest.raises(RuntimeError, match=message):
        run(folder, frames()["crystal"], "in.bad")


def test_types_that_are_not_ours(folder):
    """A third style's atoms are passed over, as neighbours and as centres."""
    (folder / "in.null").write_text(
        "plugin load plugin/plip.so\npair_style hybrid/overlay plip zero 6.0\n"
        "pair_coeff * * plip model.plip Zn NULL\npair_coeff * * zero\n"
    )
    atoms = frames()["hot"]
    results, held = rotated(atoms, "in.null", folder)
    zinc = held[[atom.index for atom in held if atom.symbol == "Zn"]]
    zinc.calc = ensemble().calculator()
    forces = np.array(results["forces"])[[atom.index for atom in held if atom.symbol == "Zn"]]
    np.testing.assert_allclose(forces, zinc.get_forces(), atol=1e-6)
    assert np.abs(np.array(results["forces"])[[atom.index for atom in held if atom.symbol == "O"]]).max() == 0


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="expected a folder, got a file"):
        export_lammps(ensemble(), tmp_path / "taken")
