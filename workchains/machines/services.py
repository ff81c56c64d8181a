"""The services a profile and a computer stand on, asked before anything is made: PostgreSQL, RabbitMQ, SSH."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from alworkflows.errors import InputError, unknown
from workchains.machines.files import ComputerFile, ProfileFile

__all__ = [
    "broker_config",
    "check_broker",
    "check_connection",
    "check_storage",
    "check_transport",
    "storage_config",
]

Result = TypeVar("Result")

#: s after which a service that says nothing is taken for one that is not there
PATIENCE = 30


# ------------------------------------------------------------------------------------------------ storage


def storage_config(files: ProfileFile, profile: str, folder: Path) -> dict[str, Any]:
    """Return the storage's configuration with everything filled in; files lie in AiiDA's folder unless told otherwise.

    Raises
    ------
    InputError
        If an environment variable that is named is not set.
    """
    config = _filled(files.storage_config, "storage_config", {"aiida_path": str(folder.parent), "profile": profile})
    if files.storage == "core.psql_dos":
        config.setdefault("repository_uri", (folder / "repository" / profile).as_uri())
    return config


def check_storage(storage: str, config: dict[str, Any]) -> None:
    """See that the database lets us in.

    Raises
    ------
    InputError
        With host, user and what to check.
    """
    if storage != "core.psql_dos":
        return
    import psycopg

    host, port = config.get("database_hostname", "localhost"), config.get("database_port", 5432)
    user, name = config.get("database_username", ""), config.get("database_name", "")
    try:
        psycopg.connect(
            host=host, port=port, user=user, password=config.get("database_password"), dbname=name, connect_timeout=PATIENCE
        ).close()
    except psycopg.OperationalError as error:
        text = " ".join(str(error).split())
        where = f"PostgreSQL at {host}:{port}"
        if re.search(r'database ".*" does not exist', text):
            raise InputError(f"{where} has no database '{name}'; make it with: createdb --owner {user} {name}") from error
        if re.search(r'authentication failed|no password supplied|role ".*" does not exist|no pg_hba.conf entry', text):
            raise InputError(
                f"{where} refuses user '{user}' for database '{name}': {text}; check database_username and database_password "
                "(profile.yaml: storage_config), and that the role may log in"
            ) from error
        raise InputError(
            f"{where} does not answer (user '{user}', database '{name}'): {text}; check that it runs: "
            f"pg_isready -h {host} -p {port}"
        ) from error


# ------------------------------------------------------------------------------------------------ broker


def broker_config(files: ProfileFile) -> dict[str, Any]:
    """Return the broker's configuration: AiiDA's defaults, and over them what the file says.

    Raises
    ------
    InputError
        If there is no such broker, it does not know a key, or an environment variable that is named is not set.
    """
    from aiida.common.exceptions import EntryPointError
    from aiida.plugins import BrokerFactory

    if files.broker is None:
        return {}
    try:
        defaults = BrokerFactory(files.broker).get_default_config()
    except EntryPointError as error:
        raise InputError(f"profile.yaml: broker: AiiDA has no '{files.broker}': {error}") from error
    for key in files.broker_config:
        if key not in defaults:
            raise unknown("key (profile.yaml, broker_config)", key, defaults)
    return {**defaults, **_filled(files.broker_config, "broker_config", {})}


def check_broker(broker: str | None, config: dict[str, Any]) -> None:
    """See that the broker lets us in.

    Raises
    ------
    InputError
        With host, user and what to check.
    """
    if broker != "core.rabbitmq":
        return
    from aiida.brokers.rabbitmq.defaults import detect_rabbitmq_config

    host, port, user = (config.get(f"broker_{key}") for key in ("host", "port", "username"))
    try:
        # in a thread of its own: it starts an event loop, and there may be one here
        with ThreadPoolExecutor(1) as pool:
            parameters = {key.removeprefix("broker_"): value for key, value in config.items() if key != "broker_heartbeat"}
            pool.submit(detect_rabbitmq_config, **parameters).result()
    except ConnectionError as error:
        text = f"{type(error.__cause__).__name__}: {error.__cause__}"
        where = f"RabbitMQ at {host}:{port}"
        # the last one is what an unknown virtual host comes to
        if re.search(r"ACCESS_REFUSED|Authentication|NOT_ALLOWED|AMQPInternalError", text):
            raise InputError(
                f"{where} refuses user '{user}' (virtual host '{config.get('broker_virtual_host', '')}'): {text}; check "
                "broker_username, broker_password and broker_virtual_host (profile.yaml: broker_config); `guest` may log in "
                "from the same machine only"
            ) from error
        raise InputError(
            f"{where} does not answer (user '{user}'): {text}; check that it runs: rabbitmq-diagnostics ping"
        ) from error


# ------------------------------------------------------------------------------------------------ transport


def _address(computer: ComputerFile) -> str:
    """Return ``user@host:port`` as SSH will use it: of its own configuration, and of ``transport_config``."""
    config = computer.transport_config
    host = str(config.get("host", computer.hostname))
    parts = {"user": config.get("username"), "hostname": host, "port": config.get("port")}
    if shutil.which("ssh"):
        answer = subprocess.run(["ssh", "-G", host], capture_output=True, text=True)
        for line in answer.stdout.splitlines():
            key, _, value = line.partition(" ")
            if key == "hostname" or (key in parts and parts[key] is None):
                parts[key] = value
    return f"{parts['user'] or '(your user)'}@{parts['hostname']}:{parts['port'] or 22}"


def check_transport(computer: ComputerFile) -> None:
    """See that AiiDA has the transport, and that the transport knows its configuration; nothing is connected.

    Raises
    ------
    InputError
        If not.
    """
    from aiida.common.exceptions import EntryPointError
    from aiida.plugins import TransportFactory

    try:
        keys = TransportFactory(computer.transport).get_valid_auth_params()
    except EntryPointError as error:
        raise InputError(f"computer.yaml: transport: AiiDA has no '{computer.transport}': {error}") from error
    for key in computer.transport_config:
        if key not in keys:
            raise unknown(f"key for {computer.transport} (computer.yaml, transport_config)", key, keys)


def check_connection(computer: ComputerFile) -> str:
    """Connect to a computer as jobs will, and return who one is there; an empty text for this very machine.

    Raises
    ------
    InputError
        If it cannot be reached, or refuses; with host, user and what to check.
    """
    from aiida.plugins import TransportFactory

    if computer.transport == "core.local":
        return ""
    try:
        transport: Any = TransportFactory(computer.transport)(machine=computer.hostname, **computer.transport_config)
        return _in_a_loop(_who(transport))
    except Exception as error:  # whatever a transport's libraries raise, the user has one question: why can I not connect
        raise InputError(_why(computer, error)) from error


async def _who(transport: Any) -> str:
    await asyncio.wait_for(transport.open_async(), PATIENCE)
    try:
        return str(await transport.whoami_async())
    finally:
        await transport.close_async()


def _why(computer: ComputerFile, error: Exception) -> str:
    """Return why a connection failed, in words."""
    address, text = _address(computer), f"{type(error).__name__}: {error}".rstrip(": ")
    host = computer.transport_config.get("host", computer.hostname)
    if re.search(r"host key|HostKey|known_hosts", text, re.I):
        what = f"its host key is not known here; log in once by hand, and check the key: ssh {host}"
    elif re.search(r"permission denied|authentication|no more auth|passphrase", text, re.I):
        what = (
            f"it refuses this user; check that `ssh {host}` logs in without a question: User and IdentityFile in ~/.ssh/config, "
            "the key loaded in the agent (ssh-add -l), the public key among authorized_keys there"
        )
    elif re.search(r"gaierror|name or service|resolve|nodename", text, re.I):
        what = f"there is no machine of that name; check hostname (computer.yaml), and the entry `Host {host}` in ~/.ssh/config"
    elif re.search(r"timeout|timed out|refused|unreachable|no route", text, re.I):
        what = f"it does not answer; check network, VPN and ProxyJump: ssh {host}"
    else:
        what = f"check that this works without a question: ssh {host}"
    return f"no connection to {address} by {computer.transport}: {what} ({text})"


# ------------------------------------------------------------------------------------------------ helpers


def _in_a_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a loop of its own, whether or not one runs here (as in a notebook)."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _filled(config: dict[str, Any], where: str, names: dict[str, str]) -> dict[str, Any]:
    """Return a configuration with names and environment variables filled in."""
    filled = dict(config)
    for key, value in config.items():
        if not isinstance(value, str):
            continue
        for name, text in names.items():
            filled[key] = filled[key].replace(f"{{{name}}}", text)
        if match := re.fullmatch(r"\$([A-Z][A-Z0-9_]*)", value):
            variable = match.group(1)
            if variable not in os.environ:
                raise InputError(
                    f"profile.yaml: {where}.{key}: expected in the environment variable {variable}, which is not set"
                )
            filled[key] = os.environ[variable]
    return filled
