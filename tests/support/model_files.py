"""Damage to a saved model, for the tests of the three methods."""

import copy
import json

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from panscape.errors import UserError


def raw(path):
    """Return the tensors and the header of a file of weights."""
    with safe_open(str(path), framework="pt") as handle:
        return {name: handle.get_tensor(name) for name in handle.keys()}, dict(handle.metadata())  # noqa: SIM118


def rewrite(path, *, tensors=None, header=None, sealed=True, **meta):
    """Write a file of weights anew with changes of tensors, of the header and of keys of its metadata."""
    known, old = raw(path)
    old["meta"] = json.dumps(json.loads(old["meta"]) | meta)
    if not sealed:
        del old["seal"]
    save_file(known | (tensors or {}), str(path), metadata=old | (header or {}))


def nan_weights(path, name):
    """Make a value of a tensor NaN."""
    tensor = raw(path)[0][name].clone()
    tensor.view(-1)[0] = float("nan")
    return {name: tensor}


def saved(model, path):
    """Save a model; return its metadata, the name of a tensor of weights, and that tensor with a NaN."""
    model.save(path)
    tensors, header = raw(path)
    name = next(name for name in tensors if name.startswith("module."))
    return json.loads(header["meta"]), name, nan_weights(path, name)


def refused(model, path, words, **changes):
    """Save a model and change its file as :func:`rewrite` does: it is refused, and the file is named."""
    model.save(path)
    rewrite(path, **changes)
    with pytest.raises(UserError, match=words) as error:
        type(model).load(path)
    assert str(path) in str(error.value)


def without(mapping, *path):
    """Return a copy of nested mappings and lists without one entry."""
    result = copy.deepcopy(mapping)
    place = result
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return result


def entries(value, path=()):
    """Yield the path of every entry of nested mappings, and of the first item of lists of mappings."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from entries(item, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from entries(value[0], (*path, 0))
