"""YAML of users: files and single values, of a size and depth that people write, each key once."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from alworkflows.errors import InputError

__all__ = ["dotted", "read_yaml", "yaml_value"]

#: what a file may hold: bytes, values once aliases are filled in, and levels of nesting
LARGEST, VALUES, DEPTH = 2**20, 100_000, 50
#: a number with an exponent
_EXPONENT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+\Z")


def read_yaml(path: str | Path, list_too: bool = False) -> Any:
    """Return the mapping in a YAML file, or, if that is allowed too, the list.

    Raises
    ------
    InputError
        If the file is missing, is not YAML (with line and column), is larger or nested deeper than a person writes, or is not a
        mapping.
    """
    data = yaml_value(_read(path), str(path), f"{path}: not valid YAML")
    if data is None:
        raise InputError(f"{path}: expected a mapping of keys, got nothing: the file is empty")
    if not isinstance(data, dict) and not (list_too and isinstance(data, list)):
        raise InputError(f"{path}: expected a mapping of keys, got {type(data).__name__}")
    return data


def yaml_value(text: str | bytes, where: str, wrong: str) -> Any:
    """Return what a YAML text says.

    Parameters
    ----------
    where
        Begins the message of an error of size.
    wrong
        Begins that of an error of form; the place, line and column, follows.

    Raises
    ------
    InputError
        If it is not YAML, gives a key twice, or is larger or nested deeper than a person writes, aliases filled in.
    """
    import yaml

    if len(text) > LARGEST:
        raise InputError(f"{where}: expected at most {LARGEST >> 20} MiB of YAML, got more")
    try:
        _check_size(text, where)
        return yaml.load(text, _loader())
    except yaml.YAMLError as error:
        raise InputError(f"{wrong}: {error}") from error
    except InputError:
        raise
    except (ValueError, OverflowError) as error:  # what looks like a number or a date, and is none
        raise InputError(f"{wrong}: {error}") from error


def dotted(key: str, where: str) -> list[str]:
    """Return the parts of a key such as ``fit.terms``.

    Raises
    ------
    InputError
        If one is empty, or there are too many.
    """
    parts = key.strip().split(".")
    if not all(parts) or len(parts) > DEPTH:
        raise InputError(f"{where}: expected a key such as fit.terms, got '{key.strip():.60}'")
    return parts


def _read(path: str | Path) -> bytes:
    try:
        # a pipe that nobody writes to is empty, rather than waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(descriptor, True)
        with open(descriptor, "rb") as handle:
            return handle.read(LARGEST + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: expected a file, got a folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML itself would let the last of two equal keys win, without a word."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key '{key.value}' is given twice", key.start_mark)
                seen.add(str(key.value))
            return super().construct_mapping(node, deep)

        def construct_number(self, node: yaml.ScalarNode) -> int | float:
            """YAML 1.1 would read 010 as 8 and 1:30 as 90, without a word."""
            text = str(node.value).lstrip("+-")
            if ":" in text or (text[0] == "0" and text.replace("_", "").isdecimal() and len(text) > 1):
                problem = (
                    f"'{node.value:.60}' may be one number or another: write it without leading zeros or colons, or in quotes"
                )
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            number = self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)
            if isinstance(number, float) and math.isinf(number) and (text[0].isdecimal() or text[1].isdecimal()):
                problem = f"'{node.value:.60}' is too large for a number; if it is none, write it in quotes"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return number

    # YAML 1.1 takes 1e-5, without a point, for a text: a tolerance would reach a program as one
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
    for kind in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.construct_number)
    return Loader


def _check_size(text: str | bytes, where: str) -> None:
    """Raise an :class:`InputError` if a text has too many values or levels, each alias counted as what it stands for."""
    import yaml

    anchors: dict[str, tuple[int, int]] = {}  # values and levels of what has a name
    open_nodes: list[list[Any]] = [[None, 0, 0]]  # name, values and levels so far, of each list and mapping that is open

    def add(values: int, levels: int) -> None:
        open_nodes[-1][1] += values
        open_nodes[-1][2] = max(open_nodes[-1][2], levels)
        if open_nodes[-1][1] > VALUES:
            raise InputError(f"{where}: expected at most {VALUES} values, got more, once aliases (*name) are filled in")
        if len(open_nodes) + open_nodes[-1][2] > DEPTH:
            raise InputError(f"{where}: expected at most {DEPTH} levels, got values that are nested deeper")

    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append([event.anchor, 1, 0])
            add(0, 0)
        elif isinstance(event, yaml.CollectionEndEvent):
            name, values, levels = open_nodes.pop()
            if name:
                anchors[name] = values, levels + 1
            add(values, levels + 1)
        elif isinstance(event, yaml.AliasEvent):
            if any(name == event.anchor for name, _, _ in open_nodes):
                raise InputError(f"{where}: the alias *{event.anchor} stands in what it stands for")
            add(*anchors.get(event.anchor or "", (1, 0)))  # of one that is not known, the loader says so
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor:
                anchors[event.anchor] = 1, 0
            add(1, 0)
