"""Bytes from memory, file objects, paths and addresses; names that may not leave a folder."""

import io
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skimgfeat.io import ImageError
from skimgfeat.io._sources import is_address, is_missing, join_inside, name_of, read_source

DATA = bytes(range(256)) * 40


def code_of(source, max_bytes=None):
    with pytest.raises(ImageError) as refusal:
        read_source(source, max_bytes=max_bytes)
    return refusal.value.code


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a.bin").write_bytes(DATA)
    return tmp_path / "a.bin"


@pytest.fixture
def memory():
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/photos/a.bin", DATA)
    yield "memory://photos"
    filesystem.rm("/photos", recursive=True)


@pytest.mark.parametrize("limit", [None, len(DATA), 1 << 30])
def test_every_kind_of_source(path, memory, limit):
    for source in (DATA, bytearray(DATA), memoryview(DATA), io.BytesIO(DATA), str(path), path, f"{memory}/a.bin"):
        assert read_source(source, max_bytes=limit) == DATA
    pytest.importorskip("fsspec")
    assert read_source(f"file://{path}", max_bytes=limit) == DATA
    with open(path, "rb") as file:
        file.seek(9)
        assert read_source(file, max_bytes=limit) == DATA


def test_too_many_bytes(path, memory):
    for source in (DATA, io.BytesIO(DATA), str(path), f"{memory}/a.bin"):
        assert code_of(source, len(DATA) - 1) == "too_many_bytes"


def test_no_more_than_the_limit_is_read():
    class Endless(io.RawIOBase):
        def read(self, n_bytes=-1):
            assert 0 <= n_bytes <= 101
            return bytes(n_bytes)

        def seek(self, *_):
            return 0

    assert code_of(Endless(), 100) == "too_many_bytes"


def test_a_large_file_is_refused_unread(tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 40)
    assert code_of(tmp_path / "sparse", 1 << 39) == "too_many_bytes"


def test_a_file_object_is_read_whole_by_each_of_several_threads():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            first = super().read(size // 2)
            os.sched_yield()
            return first + super().read(size)

    file = Slow(DATA * 50)
    with ThreadPoolExecutor(8) as pool:
        for data in pool.map(lambda _: read_source(file, max_bytes=1 << 20), range(200)):
            assert data == DATA * 50


def test_file_objects_that_cannot_be_read(path):
    with open(path, "rb") as file:
        pass
    assert code_of(file) == "missing"
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert code_of(pipe) == "missing"
    with open(path, encoding="latin-1") as text, pytest.raises(TypeError, match="must be opened in binary mode"):
        read_source(text, max_bytes=None)


def test_paths_without_a_file(tmp_path, path, memory):
    os.symlink("loop", tmp_path / "loop")
    os.symlink("nowhere", tmp_path / "dangling")
    missing = ["none", "loop", "dangling", "a.bin/within", "n" * 300, "", "nul\0"]
    for name in missing:
        assert code_of(os.path.join(tmp_path, name) if name else "") == "missing"
    assert code_of(f"{memory}/none.bin") == "missing"
    assert code_of("nobody-opens-this://a/b") == "missing"
    os.mkfifo(tmp_path / "pipe")
    for name in (".", "pipe", "/dev/zero", "/dev/null"):
        assert code_of(os.path.join(tmp_path, name)) == "not_regular"
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(tmp_path)
        server.bind("socket")
        os.chdir(here)
    assert code_of(tmp_path / "socket") == "not_regular"


def test_a_file_that_may_not_be_read(path, monkeypatch):
    """The superuser may read everything, so the refusal is played."""
    monkeypatch.setattr("skimgfeat.io._sources.open_regular", refuse(PermissionError(13, "Permission denied")))
    assert code_of(path) == "permission"


def test_a_disk_that_fails(path, monkeypatch):
    monkeypatch.setattr("skimgfeat.io._sources.open_regular", refuse(OSError(5, "Input/output error")))
    assert code_of(path) == "truncated"


def refuse(error):
    def open_regular(_):
        raise error

    return open_regular


def test_addresses_need_fsspec(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ImportError, match=r"addresses .* need fsspec, .*pip install 'skimgfeat\[dask\]'"):
        read_source("s3://bucket/a.png", max_bytes=None)


@pytest.mark.parametrize("text", ["s3://bucket/a.png", "file:///a", "gs+x-1.0://b"])
def test_addresses(text):
    assert is_address(text)


@pytest.mark.parametrize("text", ["a.png", "/s3://a", "./s3://a", "C://a", "://a", "s3:/a", b"s3://a", Path("s3://a")])
def test_paths_that_look_like_addresses(text):
    assert not is_address(text)


# --- Inside a folder


@pytest.mark.parametrize(
    "name", ["a.png", "b/c.png", "./a.png", "a..png", "...", "b//c.png", "=1.png", "-a", "a:b.png"[1:]]
)
def test_names_inside(tmp_path, name):
    assert join_inside(str(tmp_path), name) == os.path.join(tmp_path, name)


OUTSIDE = [
    "",
    "nul\0.png",
    "/etc/passwd",
    "//host/share",
    "C:/a.png",
    "C:a.png",
    "c:\\a.png",
    "a\\b.png",
    "\\\\host\\share",
    "..",
    "../a.png",
    "b/../../a.png",
    "b/../c.png",
    "b/..",
    "s3://bucket/a.png",
    "file:///etc/passwd",
    "http://host/a.png",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("root", ["folder", ".", "memory://photos", "s3://bucket"])
def test_names_outside(name, root):
    with pytest.raises(ImageError) as refusal:
        join_inside(root, name)
    assert refusal.value.code == "outside_root"


@pytest.mark.parametrize("name", ["x::file:///etc/passwd", "%2e%2e/a.png", "%2E./a", "a%2fb", "a%5Cb", "a?b", "a#b"])
def test_what_addresses_read_otherwise(tmp_path, name):
    with pytest.raises(ImageError) as refusal:
        join_inside("memory://photos", name)
    assert refusal.value.code == "outside_root"
    if "://" not in name:
        assert join_inside(str(tmp_path), name) == os.path.join(tmp_path, name)


def test_links_that_lead_out(tmp_path):
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(DATA)
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "a.png").write_bytes(DATA)
    (root / "a.png").write_bytes(DATA)
    links = {"up.png": "../secret.png", "whole": str(tmp_path), "twin": "../root-2", "within.png": "deep/../a.png"}
    for name, target in links.items():
        (root / name).symlink_to(target)
    for name in ("up.png", "whole/secret.png", "twin/a.png", "deep/../whole/secret.png"):
        with pytest.raises(ImageError, match="outside") as refusal:
            join_inside(str(root), name)
        assert refusal.value.code == "outside_root"
    assert read_source(join_inside(str(root), "within.png"), max_bytes=None) == DATA
    (tmp_path / "linked").symlink_to("root")
    assert read_source(join_inside(str(tmp_path / "linked"), "a.png"), max_bytes=None) == DATA


# --- Names and missing values


def test_names():
    sources = ["a.png", Path("b/c.png"), b"data", io.BytesIO(), None, "\udcff.png"]
    names = [name_of(source, index) for index, source in enumerate(sources)]
    assert names == ["a.png", "b/c.png", "item 2", "item 3", "item 4", "\udcff.png"]


def test_missing_values():
    pd = pytest.importorskip("pandas")
    assert all(map(is_missing, [None, float("nan"), pd.NA, pd.NaT]))
    assert not any(map(is_missing, ["", "nan", b"nan", Path("nan"), 0, 1.5, []]))
