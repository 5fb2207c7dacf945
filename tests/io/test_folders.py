"""Which files of a folder are listed, and in which order."""

import os

import pytest

from skimgfeat.io import list_images
from skimgfeat.io._folders import list_class_folders

NAMES = [
    "B.JPG",
    "a.jpg",
    "b.Jpeg",
    "cats/1.png",
    "cats/2.tif",
    "cats/deep/3.webp",
    "dogs/1.avif",
    "é.gif",
]
OTHERS = ["notes.txt", "cats/labels.csv", "jpg", "a.jpg.part", "x.png~"]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES + OTHERS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_images_are_listed_in_the_order_of_their_bytes(folder):
    assert list_images(folder) == NAMES
    assert list_images(os.fsencode(folder)) == list_images(f"{folder}/") == NAMES
    assert list_images(folder, recursive=False) == ["B.JPG", "a.jpg", "b.Jpeg", "é.gif"]


@pytest.mark.parametrize(
    "suffix", ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "dib", "gif", "avif"]
)
def test_suffixes(tmp_path, suffix):
    for name in (f"a.{suffix}", f"b.{suffix.upper()}", f"c.{suffix}x", suffix):
        (tmp_path / name).touch()
    assert list_images(tmp_path) == [f"a.{suffix}", f"b.{suffix.upper()}"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", sorted(NAMES + OTHERS, key=os.fsencode)),
        ("*.jpg", ["a.jpg"]),
        ("*.[jJ]*", ["B.JPG", "a.jpg", "a.jpg.part", "b.Jpeg"]),
        ("1.*", ["cats/1.png", "dogs/1.avif"]),
        ("cats/*", ["cats/1.png", "cats/2.tif", "cats/deep/3.webp", "cats/labels.csv"]),
        ("*/1.*", ["cats/1.png", "dogs/1.avif"]),
        ("none", []),
    ],
)
def test_patterns(folder, pattern, names):
    assert list_images(folder, pattern) == names


def test_relative_folders(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert list_images(".") == NAMES
    assert list_images("cats") == ["1.png", "2.tif", "deep/3.webp"]


def test_names_that_are_no_utf_8(tmp_path):
    for name in (b"\xff.png", b"\xfe.png", b"z.png"):
        open(os.path.join(os.fsencode(tmp_path), name), "wb").close()
    assert [os.fsencode(name) for name in list_images(tmp_path)] == [b"z.png", b"\xfe.png", b"\xff.png"]


def test_links_to_folders_are_not_followed(folder):
    (folder / "cats" / "loop").symlink_to("..")
    (folder / "linked.png").symlink_to("cats/1.png")
    (folder / "linked_folder.png").symlink_to("cats")
    assert list_images(folder) == sorted([*NAMES, "linked.png"], key=os.fsencode)


@pytest.mark.parametrize(("name", "error"), [("none", FileNotFoundError), ("a.jpg", NotADirectoryError)])
def test_no_folder(folder, name, error):
    with pytest.raises(error):
        list_images(folder / name)


@pytest.fixture
def closed(folder, monkeypatch):
    """Folders that cannot be listed; the superuser may list everything, so the refusal is played."""
    places = {"cats"}
    scandir = os.scandir

    def refuse(path):
        if os.path.relpath(path, folder) in places:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return places


def test_a_folder_that_cannot_be_looked_into_is_listed_itself(folder, closed):
    expected = ["B.JPG", "a.jpg", "b.Jpeg", "cats", "dogs/1.avif", "é.gif"]
    assert list_images(folder) == expected
    assert list_images(folder, "*.avif") == ["cats", "dogs/1.avif"]
    assert list_class_folders(folder) == (["cats", "dogs/1.avif"], ["cats", "dogs"])
    closed.add(".")
    with pytest.raises(PermissionError):
        list_images(folder)


def test_class_folders(folder):
    names, labels = list_class_folders(folder)
    assert names == ["cats/1.png", "cats/2.tif", "cats/deep/3.webp", "dogs/1.avif"]
    assert labels == ["cats", "cats", "cats", "dogs"]
    assert list_class_folders(folder, "*.png") == (["cats/1.png"], ["cats"])


def test_addresses(folder):
    filesystem = pytest.importorskip("fsspec").filesystem("memory")
    for name in NAMES + OTHERS:
        filesystem.pipe(f"/listed/{name}", b"")
    try:
        for address in ("memory://listed", "memory://listed/", f"file://{folder}"):
            assert list_images(address) == NAMES
            assert list_images(address, recursive=False) == ["B.JPG", "a.jpg", "b.Jpeg", "é.gif"]
            assert list_images(address, "cats/*.png") == ["cats/1.png"]
        with pytest.raises(FileNotFoundError):
            list_images("memory://nowhere")
    finally:
        filesystem.rm("/listed", recursive=True)
