"""What the work chains ask of a machine that was set up."""

from typing import Any

import pytest

from alworkflows.errors import InputError
from alworkflows.settings import parse
from workchains.machines import (
    CORES_KEY,
    MACHINE_KEY,
    MAX_JOBS_KEY,
    OPTIONS_KEY,
    SIZED_KEY,
    core_cap,
    job_cap,
    job_options,
    load_code,
    machine_of,
    options_for,
)
from workchains.machines.options import STEPS, OptionsFile, tables


class TestKnown:
    @pytest.fixture
    def computer(self, alworkflows_code: Any) -> Any:
        """A computer as setup leaves it."""
        computer = alworkflows_code.computer
        options = {"label": {"walltime": "1 h", "by_atoms": [{"atoms": 10}, {"atoms": 20, "nodes": 2}]}}
        options_by_step, sized = tables(parse(OptionsFile, {**options, "programs": {"vasp": {"queue": "big"}}}), "core.direct")
        for key, value in (
            (OPTIONS_KEY, options_by_step),
            (SIZED_KEY, sized),
            (MACHINE_KEY, "here"),
            (MAX_JOBS_KEY, 7),
            (CORES_KEY, 4),
        ):
            computer.set_property(key, value)
        return computer

    def test_options_by_size(self, computer: Any) -> None:
        nodes = [options_for(computer, "label", atoms)["resources"]["num_machines"] for atoms in (None, 1, 10, 11, 20, 21)]
        assert nodes == [1, 1, 1, 2, 2, 2]
        assert options_for(computer, "fit", 5000)["resources"]["num_machines"] == 1

    def test_options_of_a_program(self, computer: Any) -> None:
        assert options_for(computer, "vasp", 15)["queue_name"] == "big"
        assert options_for(computer, "vasp", 15)["resources"]["num_machines"] == 2
        # one that has none of its own
        assert options_for(computer, "pw") == options_for(computer, "label")
        with pytest.raises(InputError, match=r"unknown step or program 'lable' \(did you mean 'label'\?\)"):
            options_for(computer, "lable")

    def test_options_of_the_steps_alone(self, computer: Any) -> None:
        assert set(job_options(computer)) == set(STEPS)

    def test_a_computer_of_other_making(self, aiida_profile_clean: Any, aiida_localhost: Any) -> None:
        assert machine_of(aiida_localhost) is None
        assert (job_cap(aiida_localhost), core_cap(aiida_localhost)) == (None, None)
        assert job_options(aiida_localhost) == options_for(aiida_localhost, "label") == {}

    def test_codes(self, computer: Any, alworkflows_code: Any) -> None:
        assert (machine_of(computer), job_cap(computer), core_cap(computer)) == ("here", 7, 4)
        assert load_code().pk == load_code(machine="here").pk == load_code(label=alworkflows_code.full_label).pk
        with pytest.raises(InputError, match=r"machine 'heer' is not set up in this .*did you mean 'here'\?\).*setup heer"):
            load_code(machine="heer")
        with pytest.raises(InputError, match=r"machine 'here' has no program 'gpaw' \(it has: alworkflows\).*codes/gpaw\.yaml"):
            load_code(program="gpaw")
        with pytest.raises(InputError, match=r"unknown code 'alworkflow@localhost'"):
            load_code(label="alworkflow@localhost")
        alworkflows_code.is_hidden = True
        with pytest.raises(InputError, match="no machine is set up in this profile; set it up with: alworkflows setup here"):
            load_code(machine="here")
