"""What jobs ask for, in our words and in the scheduler's."""

from typing import Any

import pytest

from alworkflows.errors import InputError
from alworkflows.settings import parse
from workchains.machines.options import OptionsFile, tables


class TestOptions:
    @staticmethod
    def tables(options: dict[str, Any], scheduler: str = "core.slurm") -> dict[str, Any]:
        return tables(parse(OptionsFile, options, "options.yaml"), scheduler)[0]

    def test_steps_over_default_and_programs_over_label(self) -> None:
        options = self.tables(
            {
                "default": {"queue": "short", "threads": 1, "walltime": "1 h"},
                "label": {"walltime": "2 h", "nodes": 2},
                "programs": {"vasp": {"tasks_per_node": 16, "queue": "long"}},
            }
        )
        one = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        environment = {"environment_variables": {"OMP_NUM_THREADS": "1"}}
        assert options["fit"] == {"queue_name": "short", "max_wallclock_seconds": 3600, "resources": one, **environment}
        assert options["label"]["resources"] == {"num_machines": 2, "num_mpiprocs_per_machine": 1}
        assert options["vasp"]["resources"] == {"num_machines": 2, "num_mpiprocs_per_machine": 16}
        assert (options["vasp"]["queue_name"], options["vasp"]["max_wallclock_seconds"]) == ("long", 7200)

    def test_by_size_of_the_frame(self) -> None:
        label = {"walltime": "1 h", "by_atoms": [{"atoms": 64}, {"atoms": 256, "nodes": 4, "walltime": "1 d"}]}
        programs = {"pw": {"by_atoms": [{"atoms": 10, "queue": "tiny"}]}, "gpaw": {"queue": "big"}}
        _, sized = tables(parse(OptionsFile, {"label": label, "programs": programs}), "core.slurm")
        assert [atoms for atoms, _ in sized["label"]] == [64, 256]
        small, large = (options for _, options in sized["label"])
        assert (small["resources"]["num_machines"], large["resources"]["num_machines"]) == (1, 4)
        assert (small["max_wallclock_seconds"], large["max_wallclock_seconds"]) == (3600, 86400)
        assert [atoms for atoms, _ in sized["pw"]] == [10]
        assert [(atoms, options["queue_name"]) for atoms, options in sized["gpaw"]] == [(64, "big"), (256, "big")]
        assert "fit" not in sized

    @pytest.mark.parametrize(
        ("walltime", "seconds"),
        [
            ("2 h", 7200),
            ("90 min", 5400),
            ("1 h 30 min", 5400),
            ("1.5 h", 5400),
            ("12:00:00", 43200),
            ("1-00:00:00", 86400),
            (60, 60),
        ],
    )
    def test_walltimes(self, walltime: Any, seconds: int) -> None:
        assert self.tables({"default": {"walltime": walltime}})["fit"]["max_wallclock_seconds"] == seconds

    def test_slurm(self) -> None:
        options = self.tables(
            {
                "default": {
                    "nodes": 2,
                    "tasks_per_node": 4,
                    "cores_per_task": 8,
                    "memory": "4 GB",
                    "gpus": 2,
                    "account": "me",
                    "qos": "high",
                    "custom_scheduler_commands": "#SBATCH --constraint=x",
                }
            }
        )["fit"]
        assert options["resources"] == {"num_machines": 2, "num_mpiprocs_per_machine": 4, "num_cores_per_mpiproc": 8}
        assert options["max_memory_kb"] == 4 * 1024**2
        assert options["custom_scheduler_commands"] == "#SBATCH --constraint=x\n#SBATCH --gres=gpu:2"
        assert (options["account"], options["qos"]) == ("me", "high")
        assert options["environment_variables"] == {"OMP_NUM_THREADS": "8"}

    def test_grid_engine(self) -> None:
        smp = {"parallel_env": "smp", "cores_per_task": 4, "memory": "8 GB", "gpus": 1}
        options = self.tables(
            {"default": smp, "programs": {"vasp": {"parallel_env": "mpi", "tasks_per_node": 32, "cores_per_task": 1}}},
            "core.sge",
        )
        assert options["fit"]["resources"] == {"parallel_env": "smp", "tot_num_mpiprocs": 4}
        assert options["fit"]["custom_scheduler_commands"] == "#$ -l gpu=1\n#$ -l h_vmem=2097152K"
        assert options["vasp"]["resources"] == {"parallel_env": "mpi", "tot_num_mpiprocs": 32}
        assert "max_memory_kb" not in options["fit"]

    def test_aiida_s_own_names(self) -> None:
        stated = {"resources": {"num_machines": 3, "num_mpiprocs_per_machine": 2}, "max_wallclock_seconds": 5, "priority": "10"}
        options = self.tables({"default": {"walltime": "1 h", "account": "me"}, "fit": stated})["fit"]
        assert options == {**stated, "account": "me"}

    @pytest.mark.parametrize(
        ("options", "scheduler", "message"),
        [
            (
                {"fit": {"max_wallclock_second": 5}},
                "",
                r"fit\) 'max_wallclock_second' \(did you mean 'max_wallclock_seconds'\?\)",
            ),
            ({"fit": {"qeue": "x"}}, "", r"job option \(options\.yaml: fit\) 'qeue' \(did you mean 'queue'\?\)"),
            ({"fit": {"priority": 5}}, "", r"options\.yaml: fit\.priority: .*expected"),
            ({"fit": {"by_atoms": []}}, "", r"unknown job option \(options\.yaml: fit\) 'by_atoms'"),
            ({"label": {"withmpi": True}}, "", r"label\.withmpi: .* stands in its codes/NAME\.yaml: with_mpi"),
            ({"default": {"walltime": "5 hours"}}, "", r"default\.walltime: unknown unit 'hours' .*; known: s, min, h, d"),
            ({"default": {"walltime": "5"}}, "", r"default\.walltime: expected a time such as '2 h'.*got '5'"),
            ({"default": {"walltime": 0}}, "", r"default\.walltime: expected greater than or equal to 1, got 0"),
            ({"default": {"memory": 4}}, "", r"default\.memory: expected a size with its unit such as '4 GB', got 4"),
            ({"default": {"memory": "4 Gb"}}, "", r"unknown unit 'Gb' .*did you mean 'GB'"),
            ({"default": {"nodes": 0}}, "", r"default\.nodes: expected greater than or equal to 1, got 0"),
            (
                {"default": {"walltime": "1 h", "max_wallclock_seconds": 5}},
                "",
                "expected one of walltime and max_wallclock_seconds",
            ),
            ({"default": {"nodes": 1, "resources": {}}}, "", "default: expected resources or nodes, got both"),
            (
                {"default": {"resources": {"nodes": 1}}},
                "",
                r"resources do not fit core\.slurm: these parameters were not recognized",
            ),
            ({"label": {"by_atoms": [{"atoms": 9}, {"atoms": 5}]}}, "", r"by growing number of atoms, got \[9, 5\]"),
            ({"label": {"by_atoms": [{"nodes": 2}]}}, "", r"label\.by_atoms\.0\.atoms: missing"),
            ({"default": {"parallel_env": "x"}}, "", r"parallel_env: is for SGE alone; the scheduler is core\.slurm"),
            ({}, "core.sge", r"parallel_env: missing; SGE needs the name of one, as `qconf -spl` lists them"),
            ({"default": {"parallel_env": "x", "cores_per_task": 2, "nodes": 2}}, "core.sge", "got 2 tasks of 2 cores"),
            ({"default": {"gpus": 1}}, "core.pbspro", r"gpus: .* not from core\.pbspro; use a queue that has them"),
            ({"default": {"qos": "x"}}, "core.direct", r"qos: is for core\.slurm alone; the scheduler is core\.direct"),
        ],
    )
    def test_mistakes(self, options: dict[str, Any], scheduler: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            self.tables(options, scheduler or "core.slurm")
