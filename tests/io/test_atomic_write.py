import os
import stat

import pytest

from skimgfeat.io import atomic_write


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    return path


def test_writes_all_or_nothing(target):
    with atomic_write(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == ["out.bin"]


def write_and_raise(path, error):
    with atomic_write(path) as file:
        file.write(b"new")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_everything_as_it_was(target, error):
    with pytest.raises(error):
        write_and_raise(target, error)
    assert target.read_bytes() == b"old"
    assert os.listdir(target.parent) == ["out.bin"]


def test_a_failed_rename_leaves_everything_as_it_was(target, monkeypatch):
    def fail(*_):
        raise OSError("no rename")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no rename"), atomic_write(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(target.parent) == ["out.bin"]


@pytest.mark.skipif(os.name != "posix", reason="folders are not opened on Windows")
def test_data_reach_the_disk_before_the_name_and_the_name_before_the_end(target, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor):
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size)
        fsync(descriptor)

    def record_replace(source, destination):
        events.append(os.path.dirname(source) == os.path.dirname(destination))
        replace(source, destination)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    with atomic_write(target) as file:
        file.write(b"12345")
    assert events == [5, True, "folder"]


@pytest.mark.skipif(os.name != "posix", reason="needs permissions and symbolic links")
def test_permissions_are_the_usual_ones_and_links_are_followed(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "new")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new").read_bytes() == b"new"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_says_what_is_wrong_before_anything_is_written(tmp_path):
    with pytest.raises(IsADirectoryError, match="it is a folder"), atomic_write(tmp_path):
        pass
    with pytest.raises(FileNotFoundError, match="its folder does not exist"), atomic_write(tmp_path / "a" / "b"):
        pass
    assert os.listdir(tmp_path) == []
