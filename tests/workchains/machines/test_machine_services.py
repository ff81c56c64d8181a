"""Services a machine stands on that do not answer; those that answer and refuse are among the tests of services."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from workchains.machines.files import ComputerFile
from workchains.machines.services import _why


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class TestServices:
    """Services that are not there; those that are and refuse are among the tests of services."""

    def refused(self, run: Any, folder: Path, **environment: str) -> str:
        message, profiles = run(
            f"""
told = error(lambda: machines.setup({str(folder)!r}))
from aiida.manage.configuration import get_config
print(json.dumps([told, get_config(create=True).profile_names]))
""",
            **environment,
        )
        assert profiles == [], "a profile was left behind"
        return str(message)

    def test_no_postgresql(self, run: Any, tmp_path: Path, closed_port: int, write: Any) -> None:
        config = {
            "database_hostname": "127.0.0.1",
            "database_port": closed_port,
            "database_username": "me",
            "database_password": "$SECRET",
            "database_name": "mine",
        }
        folder = write(tmp_path / "m", profile={"storage": "core.psql_dos", "storage_config": config})
        message = self.refused(run, folder)
        assert message.endswith("storage_config.database_password: expected in the environment variable SECRET, which is not set")
        message = self.refused(run, folder, SECRET="hidden")
        assert message.startswith(f"PostgreSQL at 127.0.0.1:{closed_port} does not answer (user 'me', database 'mine')")
        assert message.endswith(f"check that it runs: pg_isready -h 127.0.0.1 -p {closed_port}")
        assert "hidden" not in message

    def test_no_rabbitmq(self, run: Any, tmp_path: Path, closed_port: int, write: Any) -> None:
        config = {"broker_host": "127.0.0.1", "broker_port": closed_port, "broker_username": "me"}
        message = self.refused(run, write(tmp_path / "m", profile={"broker": "core.rabbitmq", "broker_config": config}))
        assert message.startswith(f"RabbitMQ at 127.0.0.1:{closed_port} does not answer (user 'me')")
        assert "rabbitmq-diagnostics ping" in message

    def test_a_key_the_broker_does_not_know(self, run: Any, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "m", profile={"broker": "core.rabbitmq", "broker_config": {"broker_hots": "x"}})
        assert "'broker_hots' (did you mean 'broker_host'?)" in self.refused(run, folder)

    def test_no_such_host(self, run: Any, tmp_path: Path, write: Any) -> None:
        computer = {"transport": "core.ssh_async", "hostname": "no-such-host.invalid", "cores": None}
        folder = write(tmp_path / "m", computer=computer, code={"executable": "/bin/true"})
        message = self.refused(run, folder)
        assert re.match(
            r"no connection to \w+@no-such-host\.invalid:22 by core\.ssh_async: there is no machine of that name", message
        )
        assert "hostname (computer.yaml)" in message

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            ("PermissionDenied: Permission denied for user me", "it refuses this user"),
            ("HostKeyNotVerifiable: Host key is not trusted", "its host key is not known here"),
            ("OSError: Error while opening the transport: [Errno -2] Name or service not known", "no machine of that name"),
            ("TimeoutError", "it does not answer; check network, VPN and ProxyJump"),
            ("ConnectionRefusedError: [Errno 111] Connect call failed", "it does not answer"),
            ("SomethingNew: x", "check that this works without a question: ssh far"),
        ],
    )
    def test_why_ssh_fails(self, error: str, words: str) -> None:
        kind, _, text = error.partition(": ")
        computer = ComputerFile(label="far", hostname="far", transport="core.ssh_async", scheduler="core.slurm")
        assert words in _why(computer, type(kind, (Exception,), {})(text))
