"""How files are spoiled: their bytes, and what they are made of."""

import io
import json
import zipfile

import numpy as np

__all__ = ["spoiled_archive", "spoiled_bytes", "spoiled_text"]

#: what a number, or anything else in a header, may become
STRANGE = [
    *(0, 1, -1, 2, 3, 17, -3, 500, 1000, 10**6, 2**31 - 1, 2**31, -(2**31), 2**32, 2**63, 10**25, 10**400),
    *(0.0, -0.0, 0.1, 1e-300, 5e-324, -1e-12, 1e12, 1e15, 1e300, -1e300, float("nan"), float("inf"), -float("inf")),
    *(None, True, False, "", "a", "Zn", "1e12", "\x00\x1b[31m", "x" * 3000, [], {}, [[]], [1e12], {"a": 1}),
    *(list(range(2000)), [0.1 * k for k in range(1, 2000)], ["Zn"] * 40),
]
NUMBERS = [0.0, -1.0, 1e-300, 1e12, 1e15, 1e300, -1e300, np.nan, np.inf, -np.inf, 0.5]
WORDS = [
    "nan",
    "inf",
    "-1",
    "0",
    "1e300",
    "-1e300",
    "999999999",
    "99999999999999999999",
    "1e-300",
    "3.7",
    "",
    "x",
    "2147483648",
    "8",
    "1",
]
TYPES = ["f4", "f2", ">f8", "i1", "u1", "i8", "c16", "?", "U3", "S2", "f8"]


def spoiled_bytes(data, rng):
    """Return bytes with some of them changed, taken out, doubled, or cut off."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at, length = int(rng.integers(len(data) + 1)), int(rng.geometric(0.05))
        match rng.integers(6):
            case 0:
                data[at : at + 1] = rng.bytes(1)
            case 1:
                data[at : at + length] = rng.bytes(min(length, len(data) - at))
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                data[at:at] = rng.bytes(length)
            case 5:
                del data[at:]
    return bytes(data)


def spoiled_text(data, rng):
    """Return a text with some of its words replaced, taken out or exchanged; or the bytes of it spoiled."""
    if rng.random() < 0.2:
        return spoiled_bytes(data, rng)
    lines = [line.split(b" ") for line in data.split(b"\n")]
    for _ in range(int(rng.integers(1, 4))):
        line = lines[int(rng.integers(min(len(lines), 12) if rng.random() < 0.5 else len(lines)))]
        at = int(rng.integers(len(line)))
        match rng.integers(12):
            case 0 | 1 | 2:
                line[at] = str(rng.choice(WORDS)).encode()
            case 3:
                del line[at]
            case 4:
                lines.insert(int(rng.integers(len(lines))), list(line))
            case _:
                line[at] = _other_number(line[at], rng)
    return b"\n".join(b" ".join(line) for line in lines)


def _other_number(word, rng):
    digits = [at for at, byte in enumerate(word) if 48 <= byte < 58]
    if not digits:
        return word
    at = int(rng.choice(digits))
    return word[:at] + str(rng.integers(10)).encode() + word[at + 1 :]


def spoiled_archive(data, rng):
    """Return an .npz whose header, arrays, members or bytes are others."""
    if rng.random() < 0.1:
        return spoiled_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(int(rng.integers(1, 3))):
        name = str(rng.choice(list(members)))
        if "header.npy" in members and rng.random() < 0.5:
            name = "header.npy"
        _spoil_member(members, name, rng)
        if not members:
            break
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _spoil_member(members, name, rng):
    chance = rng.random()
    if chance < 0.03:
        del members[name]
    elif chance < 0.06:
        members[name + str(rng.choice(["2", ".npy", "/.."]))] = members.pop(name)
    elif chance < 0.12:
        members[name] = spoiled_bytes(members[name], rng)  # the checksum is right again
    else:
        try:
            array = np.load(io.BytesIO(members[name]), allow_pickle=False)
            other = _spoiled_header(array, rng) if name == "header.npy" and chance < 0.9 else _spoiled_array(array, rng)
        except Exception:  # spoiled before, and NumPy raises whatever its parsers do
            return
        out = io.BytesIO()
        np.save(out, other, allow_pickle=False)
        members[name] = out.getvalue()
        if chance > 0.97:
            members[name] = _other_shape(members[name], rng)


def _spoiled_header(array, rng):
    header = json.loads(array.tobytes().decode(errors="replace"))
    places = list(_places(header)) if isinstance(header, dict | list) else []
    if places:
        place, key = places[int(rng.integers(len(places)))]
        if rng.random() < 0.1:
            del place[key]
        elif rng.random() < 0.1 and isinstance(place, list):
            place.append(place[key])
        else:
            place[key] = _other_value(place[key], rng)
    return np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)


def _other_value(value, rng):
    """Return another number for a number, more often than not, so that what is read goes on; else anything."""
    if isinstance(value, bool) or not isinstance(value, int | float) or rng.random() < 0.3:
        return STRANGE[int(rng.integers(len(STRANGE)))]
    factor = float(rng.choice([-1.0, 1e-9, 1e-3, 0.1, 0.5, 2.0, 10.0, 1e3, 1e9]))
    return value + int(rng.integers(-2, 3)) if rng.random() < 0.5 else type(value)(value * factor)


def _places(tree):
    """Yield what holds each part of a tree of lists and mappings, and the part's key."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _spoiled_array(array, rng):
    match rng.integers(16):
        case 0:
            return array.astype(str(rng.choice(TYPES)))
        case 1:
            return array[..., :-1] if array.ndim and array.shape[-1] else array
        case 2:
            return array.T
        case 3:
            return array[None]
        case 4:
            return array.ravel()[:0]
        case 5:
            return np.concatenate([array, array]) if array.ndim else array.reshape(1)
        case 6:
            return np.array(array.ravel()[0]) if array.size else array
    array = array.copy()
    if array.size and array.dtype.kind in "fiu":
        with np.errstate(all="ignore"):
            value = np.array(float(rng.choice(NUMBERS))).astype(array.dtype)
        array.flat[rng.integers(array.size, size=rng.integers(1, 1 + min(array.size, 5)))] = value
    return array


def _other_shape(data, rng):
    """Return an array whose own header claims another shape."""
    start = data.index(b"'shape': (") + 10
    end = data.index(b")", start)
    claimed = str(rng.choice(["-1", "999999999", "99999999999999", "0", "2,3", "9" * 40])).encode()
    return data[:start] + claimed.ljust(end - start)[: end - start] + data[end:]
