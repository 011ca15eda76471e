"""Seeded damage of files: of bytes, of lines, and of the parts of HDF5 files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

Random = np.random.Generator
# values that no entry of counts has: each has to be refused, or read as it stands
TOKENS = [
    "1.9", "-0.5", "2.5e1", "1e30", "1,2", "0x10", "5x", "-3", "nan", "inf", "", "16777217", '"', "1 2",
    "99999999999999999999999", "9223372036854775808", "4294967297", "é", "\0", "+", "1e400", "--1",
]  # fmt: skip
_OF_LINE = ["token", "drop", "double", "lose", "add", "quote", "swap", "copy", "empty", "number"]
# None takes the attribute away
_ATTRIBUTES = [
    None, -1, np.nan, "x", 1 << 40, np.array([3.5, 2.5]), np.array([7, 1]), np.array([], float), b"\xff",
]  # fmt: skip


def bytes_of(content: bytes, rng: Random) -> tuple[str, bytes]:
    """Return what was done, and the content with some bytes flipped, lost, moved, repeated or added."""
    size = max(len(content), 1)
    at, length = int(rng.integers(size)), int(rng.integers(1, max(size // 20, 2)))
    kind = str(rng.choice(["flip", "bit", "cut", "lose", "repeat", "insert", "zero", "ones"]))
    if kind in ("flip", "bit"):
        changed = bytearray(content)
        for place in rng.integers(size, size=int(rng.integers(1, 5))):
            if content:
                changed[place] = (
                    rng.integers(256) if kind == "flip" else changed[place] ^ (1 << rng.integers(8))
                )
        return kind, bytes(changed)
    piece = {
        "cut": b"", "lose": content[at + length :], "repeat": content[at : at + length] + content[at:],
        "insert": rng.bytes(length) + content[at:], "zero": bytes(length) + content[at + length :],
        "ones": b"\xff" * length + content[at + length :],
    }[kind]  # fmt: skip
    return f"{kind} {length} at {at}", content[:at] + piece


def lines_of(content: bytes, rng: Random) -> tuple[str, bytes]:
    """Return what was done, and a text with one line or field damaged."""
    end = b"\r\n" if b"\r\n" in content else b"\n"
    lines = content.split(end)
    at = (
        int(rng.integers(max(len(lines) - 1, 1)))
        if rng.random() < 0.7
        else int(rng.integers(min(3, len(lines))))
    )
    sep = next((sign for sign in (b"\t", b",", b" ") if sign in lines[at]), b" ")
    fields = lines[at].split(sep)
    place = int(rng.integers(len(fields)))
    kind = str(rng.choice(_OF_LINE))
    if kind == "token":
        fields[place] = str(rng.choice(TOKENS)).encode()
    elif kind == "lose":
        del fields[place]
    elif kind == "add":
        fields.insert(place, b"7")
    elif kind == "quote":
        cut = int(rng.integers(len(fields[place]) + 1))
        fields[place] = fields[place][:cut] + b'"' + fields[place][cut:]
    elif kind == "copy":
        fields[place] = lines[int(rng.integers(len(lines)))].split(sep)[0]
    elif kind == "number":
        fields[place] = str(int(rng.integers(-5, 1 << 40))).encode()
    lines[at] = sep.join(fields)
    if kind == "drop":
        del lines[at]
    elif kind == "double":
        lines.insert(at, lines[at])
    elif kind == "empty":
        lines[at] = b""
    elif kind == "swap":
        other = int(rng.integers(len(lines)))
        lines[at], lines[other] = lines[other], lines[at]
    return f"{kind} line {at + 1} field {place + 1}", end.join(lines)


def parts_of(path: Path, rng: Random) -> str:
    """Damage one part of an HDF5 file, and return what was done."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = str(rng.choice(names))
        if rng.random() < 0.25 and len(file[name].attrs):
            return _attribute(file[name], rng)
        change = _OF_ARRAY if isinstance(file[name], h5py.Dataset) else _OF_GROUP
        kind = str(rng.choice(list(change)))
        change[kind](file, name, rng)
        return f"{kind} {name}"


def _attribute(item, rng: Random) -> str:
    name = str(rng.choice(list(item.attrs)))
    value = _ATTRIBUTES[int(rng.integers(len(_ATTRIBUTES)))]
    del item.attrs[name]
    if value is not None:
        item.attrs[name] = value
    return f"attribute {item.name}@{name} = {value!r}"


def _replace(file: h5py.File, name: str, values) -> None:
    kept = dict(file[name].attrs)
    del file[name]
    file[name] = values
    for key, value in kept.items():
        if not isinstance(value, h5py.Reference):
            file[name].attrs[key] = value


def _numbers(change: Callable[[np.ndarray, Random], np.ndarray]):
    """Return a change of an array of numbers; arrays of text are cut instead."""

    def apply(file: h5py.File, name: str, rng: Random) -> None:
        item = file[name]
        if item.shape in ((), None) or item.dtype.kind not in "biuf" or not item.size:
            return _cut(file, name, rng)
        return _replace(file, name, change(item[()], rng))

    return apply


def _one(value):
    def change(values: np.ndarray, rng: Random) -> np.ndarray:
        values = values.astype(float if isinstance(value, float) else np.int64)
        values.flat[int(rng.integers(values.size))] = value
        return values

    return change


def _cut(file: h5py.File, name: str, rng: Random) -> None:
    item = file[name]
    if item.shape in ((), None):
        _replace(file, name, np.arange(3))
    else:
        _replace(file, name, item[: int(rng.integers(item.shape[0] + 1))])


def _double(file: h5py.File, name: str, rng: Random) -> None:
    """Make two entries of an array equal: names twice."""
    item = file[name]
    if item.shape in ((), None) or not item.size or item.ndim != 1:
        return _cut(file, name, rng)
    values = item[()]
    values[int(rng.integers(len(values)))] = values[int(rng.integers(len(values)))]
    return _replace(file, name, values)


def _link(kind):
    def change(file: h5py.File, name: str, rng: Random) -> None:
        del file[name]
        file[name] = kind

    return change


def _stored(make: Callable[[h5py.File, str, tuple[int, ...], np.dtype], h5py.Dataset]):
    """Return a change of how an array of numbers is stored; others are cut instead."""

    def apply(file: h5py.File, name: str, rng: Random) -> None:
        item = file[name]
        if item.dtype.kind not in "iuf" or not item.shape:
            return _cut(file, name, rng)
        shape, dtype, kept = item.shape, item.dtype, dict(item.attrs)
        del file[name]
        return make(file, name, shape, dtype).attrs.update(kept)

    return apply


def _external(file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype) -> h5py.Dataset:
    elsewhere = [("elsewhere.bin", 0, h5py.h5f.UNLIMITED)]
    return file.create_dataset(name, shape=shape, dtype=dtype, external=elsewhere)


def _virtual(file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype) -> h5py.Dataset:
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource("elsewhere.h5", name, shape)
    return file.create_virtual_dataset(name, layout, fillvalue=1)


def _huge(file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype) -> h5py.Dataset:
    others = len(shape) - 1
    size, chunks = (3_000_000_000,) + (2,) * others, (1000,) + (1,) * others
    return file.create_dataset(name, shape=size, dtype=dtype, chunks=chunks)


def _drop(file: h5py.File, name: str, rng: Random) -> None:
    del file[name]


def _as_group(file: h5py.File, name: str, rng: Random) -> None:
    del file[name]
    file.create_group(name)


def _as_array(file: h5py.File, name: str, rng: Random) -> None:
    del file[name]
    file[name] = np.arange(6.0)


_OF_GROUP = {
    "drop": _drop,
    "link away": _link(h5py.ExternalLink("elsewhere.h5", "/X")),
    "link nowhere": _link(h5py.SoftLink("/nowhere")),
    "array for group": _as_array,
    "empty": _as_group,
}


_OF_ARRAY = {
    "nan": _numbers(_one(np.nan)),
    "fraction": _numbers(_one(0.5)),
    "1e30": _numbers(_one(1e30)),
    "16777217": _numbers(_one(16777217)),
    "-1": _numbers(_one(-1)),
    "2^62": _numbers(_one(1 << 62)),
    "floats": _numbers(lambda values, rng: values.astype(float)),
    "complex": _numbers(lambda values, rng: values + 1j),
    "int8": _numbers(lambda values, rng: values.astype(np.int8)),
    "reversed": _numbers(lambda values, rng: values[::-1].copy()),
    "uint64": _numbers(lambda values, rng: values.astype(np.int64).view(np.uint64)),
    "two-dimensional": _numbers(lambda values, rng: values.reshape(1, -1)),
    "text": _numbers(lambda values, rng: values.astype("S8")),
    "cut": _cut,
    "double": _double,
    "drop": _drop,
    "group for array": _as_group,
    "link away": _link(h5py.ExternalLink("elsewhere.h5", "/X/data")),
    "external": _stored(_external),
    "virtual": _stored(_virtual),
    "huge": _stored(_huge),
}


def damage(folder: Path, rng: Random) -> str:
    """Damage one file of a study in a folder, and return its name and what was done."""
    path = sorted(file for file in folder.iterdir() if file.is_file())
    path = path[int(rng.integers(len(path)))]
    content = path.read_bytes()
    if h5py.is_hdf5(path):
        if rng.random() < 0.6:
            return f"{path.name}: {parts_of(path, rng)}"
        what, content = bytes_of(content, rng)
    elif content[:2] == b"\x1f\x8b" and rng.random() < 0.3:
        what, content = bytes_of(content, rng)
    else:
        packed = content[:2] == b"\x1f\x8b"
        change = lines_of if rng.random() < 0.75 else bytes_of
        what, content = change(gzip.decompress(content) if packed else content, rng)
        content = gzip.compress(content, mtime=0) if packed else content
    path.write_bytes(content)
    return f"{path.name}: {what}"
