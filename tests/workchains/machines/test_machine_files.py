"""The files of a machine: which there are, what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alworkflows.errors import InputError
from workchains.machines import copy_machine, load_machine, machines
from workchains.machines.files import BUILTIN, PLACEHOLDER, Machine
from workchains.machines.options import STEPS, OptionsFile, tables

CLUSTERS = ("pbs", "sge", "slurm")


class TestFiles:
    def test_the_built_in_machines(self) -> None:
        assert set(machines()) == {"laptop", "workstation", *CLUSTERS}
        for name in ("laptop", "workstation"):
            machine = load_machine(name)
            assert isinstance(machine, Machine)
            tables(machine.options, machine.computer.scheduler)

    @pytest.mark.parametrize("name", CLUSTERS)
    def test_a_cluster_is_to_be_filled_in(self, name: str) -> None:
        with pytest.raises(InputError, match=rf"profiles/{name}: \d+ values are yours to fill in; copy it first") as refusal:
            load_machine(name)
        text = str(refusal.value)
        assert f"alworkflows setup --copy {name} my-cluster/" in text
        for line in (
            "computer.yaml: hostname: <HOSTNAME>",
            "computer.yaml: work_dir: <WORK_DIR>",
            "codes/alworkflows.yaml: executable: <ALWORKFLOWS>",
        ):
            assert f"\n  {line}" in text

    @pytest.mark.parametrize("name", CLUSTERS)
    def test_a_copy_that_was_filled_in_is_valid(self, name: str, tmp_path: Path) -> None:
        folder = copy_machine(name, tmp_path / "my-cluster")
        for path in folder.rglob("*.yaml"):
            lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
            path.write_text(PLACEHOLDER.sub("/filled/in", "\n".join(lines)))
        machine = load_machine(folder)
        assert (machine.name, machine.computer.label) == ("my-cluster", "my-cluster")
        options, sized = tables(machine.options, machine.computer.scheduler)
        assert set(options) == {*STEPS, "vasp", "pw", "gpaw"}
        assert [atoms for atoms, _ in sized["vasp"]] == sorted(atoms for atoms, _ in sized["vasp"])
        assert machine.computer.max_jobs == 50
        assert machine.executable("vasp") == "/filled/in"

    def test_a_copy_of_nothing_or_onto_something(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"unknown machine 'slurn' \(did you mean 'slurm'\?\)"):
            copy_machine("slurn", tmp_path / "new")
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="expected a folder that does not exist or is empty"):
            copy_machine("slurm", tmp_path)

    def test_an_outage_of_hours_is_waited_out(self) -> None:
        for name in CLUSTERS:
            options = yaml.safe_load((BUILTIN / name / "profile.yaml").read_text())["options"]
            first, tries = options["transport.task_retry_initial_interval"], options["transport.task_maximum_attempts"]
            assert sum(first * 2**n for n in range(tries - 1)) > 12 * 3600

    def test_the_options_are_those_of_the_steps(self) -> None:
        from workchains.loop import base

        assert base.STEPS == STEPS
        assert set(OptionsFile.model_fields) == {"default", "programs", *STEPS}

    def test_the_folder_travels_with_the_package(self) -> None:
        from importlib.resources import files

        assert (files("workchains") / "profiles" / "laptop" / "codes" / "alworkflows.yaml").is_file()

    def test_an_unknown_machine(self) -> None:
        with pytest.raises(InputError, match=r"unknown machine.*'lapptop' \(did you mean 'laptop'\?\)"):
            load_machine("lapptop")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"computer": {"trnasport": "x"}}, r"computer\.yaml: unknown key 'trnasport' \(did you mean 'transport'\?\)"),
            ({"computer": {"safe_interval": -1}}, r"computer\.yaml: safe_interval: expected greater than or equal to 0, got -1"),
            ({"computer": {"max_jobs": 0}}, r"computer\.yaml: max_jobs: expected greater than or equal to 1, got 0"),
            ({"computer": {"hostname": "<HOSTNAME>"}}, r"1 values are yours to fill in\n  computer\.yaml: hostname: <HOSTNAME>"),
            ({"profile": {"name": "a b"}}, r"profile\.yaml: name: .*got 'a b'"),
            ({"options": {"lable": {}}}, r"options\.yaml: unknown key 'lable' \(did you mean 'label'\?\)"),
            ({"options": {"programs": {"vaps": {}}}}, r"program .*options\.yaml, programs\) 'vaps' \(did you mean 'vasp'\?\)"),
            ({"code": {"label": "a@b"}}, r"codes/alworkflows\.yaml: label: .*got 'a@b'"),
            ({"gpaw": {"with_mpi": True}}, r"codes/gpaw\.yaml: with_mpi: expected false: mpirun would start .* several times"),
            ({"pw": {"with_mpl": True}}, r"codes/pw\.yaml: unknown key 'with_mpl' \(did you mean 'with_mpi'\?\)"),
        ],
    )
    def test_mistakes_in_the_files(self, tmp_path: Path, changes: dict[str, Any], message: str, write: Any) -> None:
        with pytest.raises(InputError, match=message):
            load_machine(write(tmp_path / "m", **changes))

    def test_no_scheduler(self, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "m")
        (folder / "computer.yaml").write_text("hostname: localhost\n")
        with pytest.raises(InputError, match=r"computer\.yaml: scheduler: missing"):
            load_machine(folder)

    @pytest.mark.parametrize("name", ["computer.yaml", "options.yaml", "profile.yaml", "codes/alworkflows.yaml"])
    def test_a_missing_file(self, name: str, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "m")
        (folder / name).unlink()
        with pytest.raises(InputError, match=rf"{name}: no such file"):
            load_machine(folder)

    def test_a_program_that_is_none(self, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "m")
        (folder / "codes" / "vaps.yaml").write_text("executable: /bin/true\n")
        with pytest.raises(InputError, match=r"unknown program .*codes\) 'vaps' \(did you mean 'vasp'\?\)"):
            load_machine(folder)

    def test_one_file_for_all_codes(self, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "m")
        (folder / "code.yaml").write_text("executable: auto\n")
        with pytest.raises(InputError, match=r"code\.yaml: a machine has one file a program; move it to codes/alworkflows\.yaml"):
            load_machine(folder)

    def test_what_a_code_is_by_default(self, tmp_path: Path, write: Any) -> None:
        codes = load_machine(write(tmp_path / "m", vasp={}, gpaw={})).codes
        assert (codes["vasp"].label, codes["vasp"].plugin, codes["vasp"].with_mpi) == ("vasp", "vasp.vasp", True)
        assert (codes["gpaw"].plugin, codes["gpaw"].with_mpi) == ("alworkflows.label", False)
        assert (codes["alworkflows"].plugin, codes["alworkflows"].with_mpi) == (None, False)

    @pytest.mark.parametrize(
        ("code", "computer", "message"),
        [
            ("bin/alworkflows", {}, "expected an absolute path or 'auto', got 'bin/alworkflows'"),
            ("/nowhere/alworkflows", {}, "expected a program that can be run, got '/nowhere/alworkflows'"),
            (
                "auto",
                {"transport": "core.ssh_async", "hostname": "far", "cores": 8},
                "'auto' is for this machine; give the path on far",
            ),
        ],
    )
    def test_an_executable_that_is_none(self, tmp_path: Path, write: Any, code: str, computer: Any, message: str) -> None:
        machine = load_machine(write(tmp_path / "m", code={"executable": code}, computer=computer))
        with pytest.raises(InputError, match=f"codes/alworkflows.yaml: executable: {message}"):
            machine.executable("alworkflows")

    def test_a_program_is_found_on_the_path(self, tmp_path: Path, write: Any, program: Any, monkeypatch: Any) -> None:
        machine = load_machine(write(tmp_path / "m", vasp={}))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        with pytest.raises(InputError, match=r"codes/vasp\.yaml: executable: no 'vasp_std' on the PATH"):
            machine.executable("vasp")
        installed = program(tmp_path / "bin" / "vasp_std")
        assert machine.executable("vasp") == str(installed)
