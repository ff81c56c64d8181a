"""RabbitMQ on a free port, with a name service of its own."""

import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .process import answers, free_port, program, running

__all__ = ["Rabbitmq", "rabbitmq"]

# AiiDA holds a message as long as the process it stands for runs: h after h, so the broker must not time out (ms)
CONFIGURATION = """\
consumer_timeout = 36000000000
loopback_users = none
log.console = true
log.file = false
"""


@dataclass(frozen=True)
class Rabbitmq:
    """A running broker.

    Attributes
    ----------
    port
        Port on 127.0.0.1.
    user, password
        Who may come in.

    """

    port: int
    user: str = "guest"
    password: str = "guest"

    def broker_config(self):
        """Return the configuration of AiiDA's ``core.rabbitmq``."""
        return {
            "broker_protocol": "amqp",
            "broker_username": self.user,
            "broker_password": self.password,
            "broker_host": "127.0.0.1",
            "broker_port": self.port,
            "broker_virtual_host": "",
        }

    def greet(self):
        """Return the first bytes the broker answers to the header of its protocol: the start of a method frame."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(11)


@contextmanager
def rabbitmq(folder):
    """Run a broker; data and log go into the folder."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rabbitmq.conf").write_text(CONFIGURATION)
    (folder / "enabled_plugins").write_text("[].\n")
    names, port, nodes = free_port(), free_port(), free_port()
    environment = {
        "HOME": str(folder),  # where the cookie is
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"alworkflows{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(nodes),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_ALLOW_INPUT": "1",  # the broker takes the place of the script that starts it
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
    }
    broker = Rabbitmq(port)
    # epmd is started here: one that the broker starts would outlive it
    with (
        running("epmd", [program("epmd")], folder / "epmd.log", lambda: answers(names), environment=environment),
        running("rabbitmq", [_server()], folder / "rabbitmq.log", lambda: _speaks(broker), 60, environment=environment),
    ):
        yield broker


def _server():
    """Return the program that starts the broker as this user; Debian's on the PATH would change user."""
    path = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return path if os.access(path, os.X_OK) else program("rabbitmq-server")


def _speaks(broker):
    try:
        return broker.greet()[:1] == b"\x01"
    except OSError:
        return False
