"""JSON and .npy together in a zip archive that is not compressed; no pickle.

The archive ends in a comment, the SHA-256 of everything before it. The same content gives the same bytes.
"""

import hashlib
import json
import zipfile
from io import BytesIO
from typing import NamedTuple

import numpy as np

from skimgfeat.io import atomic_write

_CONTENT = "codec.json"
_DIGEST_LENGTH = 64
_FIRST_BYTES = b"PK"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
# What a file raises that is right by its hash and yet of another kind: somebody else wrote it.
_UNEXPECTED = (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile)


class Kind(NamedTuple):
    """What a file may be."""

    name: str
    version: int
    noun: str
    writer: str
    remedy: str


def write_archive(path, kind, content, arrays):
    """Write a dict that JSON takes and a dict of arrays to a file that is complete or not there."""
    data = _archive({"kind": kind.name, "version": kind.version} | content, arrays)
    with atomic_write(path) as file:
        file.write(data)
        file.write(hashlib.sha256(data).hexdigest().encode())


def read_archive(path, kind, unpack):
    """Return ``unpack(content, array)`` of a file, where ``array(name)`` reads an array.

    Raises ValueError for a file of another kind, a damaged one, and one that unpack makes nothing of.
    """
    with open(path, "rb") as file:
        data = file.read()
    if not data.startswith(_FIRST_BYTES):
        raise ValueError(f"{path!s} is no {kind.noun} file: {kind.writer} writes them.")
    if hashlib.sha256(data[:-_DIGEST_LENGTH]).hexdigest().encode() != data[-_DIGEST_LENGTH:]:
        raise ValueError(f"{path!s} is damaged: its hash is not that of its content. {kind.remedy}")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            content = json.loads(_member(archive, _CONTENT))
            if content["kind"] == kind.name and content["version"] <= kind.version:
                return unpack(content, lambda name: _read_array(archive, name))
    except _UNEXPECTED as error:
        raise ValueError(f"{path!s} holds no {kind.noun}: {type(error).__name__}: {error}") from error
    if content["kind"] == kind.name:
        raise ValueError(
            f"{path!s} was written by a newer skimgfeat (version {content['version']} of the format; this one reads up "
            f"to {kind.version}): upgrade skimgfeat."
        )
    raise ValueError(f"{path!s} holds a {content['kind']!r}, not a {kind.noun}.")


def _archive(content, arrays):
    """Return the archive up to its comment, a view: arrays may take some hundred megabytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_CONTENT, _EARLIEST), json.dumps(content, indent=1) + "\n")
        for name, array in arrays.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(_file_of(name), _EARLIEST), member.getbuffer())
        archive.comment = b"0" * _DIGEST_LENGTH
    return buffer.getbuffer()[:-_DIGEST_LENGTH]


def _read_array(archive, name):
    return np.lib.format.read_array(BytesIO(_member(archive, _file_of(name))), allow_pickle=False)


def _file_of(name):
    return f"{name.strip('_')}.npy"


def _member(archive, name):
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed, which could hide any size")
    return archive.read(info)
