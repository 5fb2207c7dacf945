"""Indices in files: one .npz archive of arrays, of which one is JSON; no pickle."""

import json
import zipfile

import numpy as np

from skimgfeat.io import atomic_write
from skimgfeat.neighbors._hnsw import pack_graph, unpack_graph

_KIND, _VERSION = "skimgfeat.SimilarityIndex", 1
# What np.load raises for a file that is none of its own, or damaged.
_UNREADABLE = (EOFError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile)


def write_index(path, index, metric, values, graph):
    """Write a fitted index to a file that is complete or not there, with the metric that it was fitted with."""
    parameters = index.get_params() | {"metric": metric}
    names = getattr(index, "feature_names_in_", None)
    content = {
        "kind": _KIND,
        "version": _VERSION,
        "parameters": {
            name: value.item() if isinstance(value, np.generic) else value for name, value in parameters.items()
        },
        "feature_names": None if names is None else names.tolist(),
    }
    arrays = {"index": np.array(json.dumps(content)), "rows": values}
    if graph is not None:
        arrays["graph"] = pack_graph(type(index).__name__, graph)
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def read_index(path, owner):
    """Return parameters, column names or None, rows, and graph or None, of the index in a file."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            content = json.loads(archive["index"].item())
            is_known = content["kind"] == _KIND and content["version"] <= _VERSION
            arrays = {name: archive[name] for name in archive.files} if is_known else {}
    except _UNREADABLE as error:
        raise ValueError(f"{owner}: {path!s} holds no index, or is damaged: {type(error).__name__}: {error}") from error
    if not is_known:
        raise ValueError(
            f"{owner}: {path!s} holds a {content['kind']!r} of version {content['version']}; this skimgfeat reads "
            f"{_KIND!r} up to version {_VERSION}."
        )
    graph = unpack_graph(owner, arrays["graph"]) if "graph" in arrays else None
    return content["parameters"], content["feature_names"], arrays["rows"], graph
