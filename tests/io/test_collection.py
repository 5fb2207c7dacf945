"""ImageCollection: a lazy, sliceable, picklable sequence of images."""

import gc
import io
import pickle
import re
import threading
import time
import zipfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing, resample, shuffle

from skimgfeat import ImageCollection
from skimgfeat.io import ImageError, _collection

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 8, 10, 3), dtype=np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    for index, image in enumerate(IMAGES):
        (tmp_path / f"{index:02}.png").write_bytes(png(image))
    return tmp_path


@pytest.fixture
def paths(folder):
    return [str(path) for path in sorted(folder.iterdir())]


def test_encoded_images_are_read_as_they_are(folder, paths):
    collection = ImageCollection([paths[0], Path(paths[1]).read_bytes(), None])
    assert [collection.read_encoded(place) for place in (0, 1)] == [png(image) for image in IMAGES[:2]]
    with pytest.raises(ImageError) as caught:
        collection.read_encoded(2)
    assert caught.value.code == "missing"
    with pytest.raises(ImageError) as caught:
        ImageCollection(["../a.png"], root=folder).read_encoded(0)
    assert caught.value.code == "outside_root"


@pytest.fixture
def decoded(monkeypatch):
    """The places, in the order of decoding, of what is decoded."""
    calls = []
    decode_image = _collection.decode_image

    def count(data, **options):
        image = decode_image(data, **options)
        calls.append(int((image == IMAGES).all(axis=(1, 2, 3)).argmax()))
        return image

    monkeypatch.setattr(_collection, "decode_image", count)
    return calls


# --- A sequence


def test_nothing_is_decoded_before_it_is_asked_for(folder, decoded):
    collection = ImageCollection.from_folder(folder)
    assert (len(collection), collection.shape, collection.image_shape) == (12, (12,), None)
    assert collection.names == [f"{index:02}.png" for index in range(12)]
    part = collection[3:9][[4, 0]]
    repr(part), pickle.dumps(part)
    assert decoded == []
    assert_array_equal(part[0], IMAGES[7])
    assert decoded == [7]


@pytest.mark.parametrize(
    "key",
    [
        slice(2, 9, 3),
        slice(None, None, -1),
        [3, 1, 1],
        [],
        np.array([5, -1]),
        np.arange(12) % 2 == 0,
        (np.arange(12) > 7).tolist(),
        (np.array([2, 0]), Ellipsis),
        (slice(3), Ellipsis),
    ],
    ids=str,
)
def test_slices_lists_and_masks_make_collections(paths, key):
    part = ImageCollection(paths)[key]
    assert isinstance(part, ImageCollection)
    assert part.names == list(np.array(paths, dtype=object)[key])
    if len(part):
        assert_array_equal(np.asarray(part), IMAGES[key])


@pytest.mark.parametrize("key", [0, -1, np.int64(5), np.array(5), (3, Ellipsis)], ids=str)
def test_a_number_gives_an_image(paths, key):
    assert_array_equal(ImageCollection(paths)[key], IMAGES[key])


@pytest.mark.parametrize("key", [12, -13, [12], "a", 1.5, None], ids=str)
def test_other_keys(paths, key):
    with pytest.raises((IndexError, ValueError)):
        ImageCollection(paths)[key]


def test_iteration_and_arrays(paths):
    collection = ImageCollection(paths)
    assert_array_equal(list(collection), IMAGES)
    assert_array_equal(collection, IMAGES)
    assert np.asarray(collection, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="images of 2 different shapes make no array"):
        np.asarray(ImageCollection([png(IMAGES[0]), png(IMAGES[0, :4])]))


def test_options_reach_every_part(paths):
    collection = ImageCollection(paths, mode="gray", dtype="float32", on_error="nan")
    gray = ((IMAGES.astype(int) @ [19595, 38470, 7471] + 32768) >> 16) / 255
    for part in (collection, collection[::-1][::-1], pickle.loads(pickle.dumps(collection))):
        assert (part.dtype, part.channels, part.on_error) == (np.float32, (), "nan")
        np.testing.assert_allclose(np.asarray(part), gray, atol=1e-6)
    assert repr(collection) == (
        "<ImageCollection of 12 images: mode='gray', dtype='float32', orientation='exif', max_pixels=89478485, "
        "on_error='nan'>"
    )


def test_scikit_learn_splits_it(paths, decoded):
    collection = ImageCollection(paths)
    y = np.arange(12)
    for part in _safe_indexing(collection, [1, 4]), _safe_indexing(collection, np.arange(12) < 2):
        assert isinstance(part, ImageCollection)
    train, test, y_train, y_test = train_test_split(collection, y, random_state=0)
    for part, labels in ((train, y_train), (test, y_test), shuffle(collection, y), resample(collection, y)):
        assert part.names == [paths[label] for label in labels]
    for train, test in KFold(3).split(collection, y):
        assert len(collection[train]) + len(collection[test]) == 12
    assert decoded == []


def test_processes_take_parts_of_it(paths):
    collection = ImageCollection(paths).map(partial(np.flip, axis=0))
    means = joblib.Parallel(n_jobs=2)(joblib.delayed(np.mean)(part) for part in (collection[:5], collection[5:]))
    assert means == [IMAGES[:5].mean(), IMAGES[5:].mean()]


# --- Sources


def test_every_kind_of_source(paths):
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/collected/5.png", png(IMAGES[5]))
    sources = [
        paths[0],
        Path(paths[1]),
        png(IMAGES[2]),
        io.BytesIO(png(IMAGES[3])),
        f"file://{paths[4]}",
        "memory://collected/5.png",
        memoryview(png(IMAGES[6])),
    ]
    try:
        assert_array_equal(np.asarray(ImageCollection(sources)), IMAGES[:7])
        below = ImageCollection(["5.png", "../photos/a.png", "x::file:///a"], root="memory://collected")
        assert below.check()["code"] == ["", "outside_root", "outside_root"]
        assert ImageCollection.from_folder("memory://collected").check()["name"] == ["5.png"]
    finally:
        filesystem.rm("/collected", recursive=True)


def test_an_image_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", png(IMAGES[0]))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("a.png") as file:
        assert_array_equal(ImageCollection([file, file])[[0, 1]], IMAGES[[0, 0]])


def test_bytes_are_images_and_never_paths(paths):
    assert ImageCollection([paths[0].encode()]).check()["code"] == ["unidentified"]


def test_missing_sources():
    account = ImageCollection([None, float("nan"), png(IMAGES[0])]).check()
    assert account["code"] == ["missing", "missing", ""]
    assert account["name"] == ["item 0", "item 1", "item 2"]


@pytest.mark.parametrize("sources", ["a.png", b"a.png", Path("a.png")])
def test_one_path_is_no_sequence(sources):
    with pytest.raises(TypeError, match=r"must be a sequence of paths, got .*ImageCollection\.from_folder"):
        ImageCollection(sources)


@pytest.mark.parametrize(("source", "kind"), [(3, "int"), (["a.png"], "list"), (np.zeros((2, 2)), "ndarray")])
def test_sources_of_other_kinds(source, kind):
    with pytest.raises(TypeError, match=rf"source 1 must be a path, bytes or a binary file object, got {kind}"):
        ImageCollection(["a.png", source])


def test_arrays_of_sources(paths):
    assert ImageCollection(np.array(paths)).names == paths
    with pytest.raises(ValueError, match=r"must be of one dimension, got shape \(12, 1\)"):
        ImageCollection(np.array(paths)[:, None])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mode": None}, TypeError),
        ({"mode": "RGB"}, ValueError),
        ({"on_error": "skip"}, ValueError),
        ({"max_bytes": 0}, ValueError),
        ({"max_pixels": 2.5}, TypeError),
        ({"draft": 64}, TypeError),
        ({"root": 3}, TypeError),
        ({"root": ""}, ValueError),
    ],
)
def test_options_that_cannot_be_used(options, error):
    (name,) = options
    with pytest.raises(error, match=f"^ImageCollection: {name} must") as refusal:
        ImageCollection([], **options)
    assert refusal.type is error


def test_limits(paths):
    assert set(ImageCollection(paths, max_pixels=79).check()["code"]) == {"too_many_pixels"}
    assert set(ImageCollection(paths, max_bytes=99).check()["code"]) == {"too_many_bytes"}


def test_draft_and_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (320, 160)).save(tmp_path / "a.jpg", exif=exif)
    assert ImageCollection.from_folder(tmp_path)[0].shape == (320, 160, 3)
    assert ImageCollection.from_folder(tmp_path, orientation="ignore")[0].shape == (160, 320, 3)
    assert ImageCollection.from_folder(tmp_path, draft=(40, 20))[0].shape == (80, 40, 3)


# --- From folders and tables


def test_class_folders(tmp_path):
    for index, name in enumerate(["dog/1.png", "dog/deep/2.png", "cat/3.png", "beside.png", "cat/notes.txt"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png(IMAGES[index]))
    collection, labels = ImageCollection.from_class_folders(tmp_path)
    assert collection.names == ["cat/3.png", "dog/1.png", "dog/deep/2.png"]
    assert_array_equal(labels, ["cat", "dog", "dog"])
    assert_array_equal(np.asarray(collection), IMAGES[[2, 0, 1]])


def test_tables(tmp_path, folder, monkeypatch):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"image_path": ["03.png", "../03.png", None, "00.png"], "scan": [png(IMAGES[1])] * 4})
    frame.to_csv(folder / "t.csv", index=False)
    expected = ["", "outside_root", "missing", ""]
    assert ImageCollection.from_table(folder / "t.csv").check()["code"] == expected
    monkeypatch.chdir(folder)
    assert ImageCollection.from_table("t.csv").check()["code"] == expected
    collection = ImageCollection.from_table(frame, root=folder, mode="gray")
    assert collection.check()["code"] == expected
    assert collection[3].shape == (8, 10)
    assert_array_equal(ImageCollection.from_table(frame, "scan")[2], IMAGES[1])
    (folder / "below").mkdir()
    (folder / "below" / "t.csv").write_text("image_path\n03.png\n")
    assert ImageCollection.from_table("below/t.csv").check()["code"] == ["missing"]
    assert ImageCollection.from_table("below/t.csv", root=folder).check()["code"] == [""]


def test_links_in_a_listed_folder_may_lead_out_and_those_in_a_table_may_not(tmp_path, folder):
    (folder / "below").mkdir()
    (folder / "below" / "link.png").symlink_to("../00.png")
    assert ImageCollection.from_folder(folder / "below").check()["code"] == [""]
    assert ImageCollection(["link.png"], root=folder / "below").check()["code"] == ["outside_root"]


# --- Errors


def test_an_error_names_the_image(folder):
    (folder / "07.png").write_bytes(b"no image")
    collection = ImageCollection.from_folder(folder)
    for ask in (lambda: collection[7], lambda: list(collection), lambda: collection.read_or_error(7)):
        with pytest.raises(ImageError, match=re.escape("image 7, '07.png': no image of the formats")) as refusal:
            ask()
        assert refusal.value.code == "unidentified"
    lenient = ImageCollection.from_folder(folder, on_error="nan")
    assert [getattr(item, "code", "") for item in lenient.read_ahead()] == [""] * 7 + ["unidentified"] + [""] * 4
    with pytest.raises(ImageError):
        list(lenient)


def test_the_account(folder):
    (folder / "07.png").write_bytes(b"no image")
    account = ImageCollection.from_folder(folder).check()
    assert set(account) == {"name", "code", "message", "rows", "cols"}
    assert {len(column) for column in account.values()} == {12}
    assert (account["rows"][0], account["cols"][0], account["code"][0], account["message"][0]) == (8, 10, "", "")
    assert (account["rows"][7], account["cols"][7], account["code"][7]) == (0, 0, "unidentified")
    assert account["message"][7].startswith("no image of the formats JPEG")


# --- map


def test_map(paths):
    flipped = ImageCollection(paths).map(np.flipud)
    assert_array_equal(np.asarray(flipped), IMAGES[:, ::-1])
    both = flipped.map(np.fliplr, image_shape=(8, 10, 3))[2:5]
    assert both.image_shape == (8, 10, 3)
    assert_array_equal(np.asarray(both), IMAGES[2:5, ::-1, ::-1])
    assert flipped.image_shape is None


def refuse_dark(image):
    if image.mean() < 255:
        raise ImageError("failed", "too dark")
    return image


def test_a_function_may_refuse_an_image(paths):
    account = ImageCollection(paths[:2]).map(refuse_dark).check()
    assert account["code"] == ["failed"] * 2


# --- Ahead of the consumer


@pytest.mark.parametrize(("n_jobs", "window", "most"), [(1, None, 2), (2, None, 4), (3, 5, 5), (4, 1, 1), (2, 100, 12)])
def test_decoding_ahead_is_bounded(paths, decoded, n_jobs, window, most):
    items = ImageCollection(paths).read_ahead(n_jobs=n_jobs, window=window)
    assert decoded == []
    for n_asked, (item, image) in enumerate(zip(items, IMAGES, strict=True), 1):
        assert_array_equal(item, image)
        time.sleep(0.01)  # long enough for the threads to go too far, if they would
        # What is asked for is no longer ahead.
        assert n_asked <= len(decoded) <= min(12, n_asked - 1 + most)
    assert sorted(decoded) == list(range(12))


def test_the_window_is_used(paths, decoded):
    items = ImageCollection(paths).read_ahead(n_jobs=2, window=6)
    next(items)
    end = time.monotonic() + 10
    while len(decoded) < 6 and time.monotonic() < end:
        time.sleep(0.005)
    assert len(decoded) == 6
    items.close()


@pytest.mark.parametrize("stop", ["close", "break", "error"])
def test_a_consumer_that_stops_early_leaves_no_threads(paths, decoded, stop):
    before = threading.active_count()
    if stop == "close":
        items = ImageCollection(paths).read_ahead(n_jobs=4)
        next(items)
        assert threading.active_count() > before
        items.close()
    elif stop == "break":
        for _ in ImageCollection(paths):
            break
        gc.collect()
    else:
        with pytest.raises(ImageError):
            list(ImageCollection([*paths[:2], b"no image", *paths[2:]]))
    assert threading.active_count() == before
    assert len(decoded) < 12


@pytest.mark.parametrize(
    ("options", "error"), [({"n_jobs": 0}, ValueError), ({"n_jobs": None}, TypeError), ({"window": 0}, ValueError)]
)
def test_read_ahead_checks_its_parameters(paths, options, error):
    (name,) = options
    with pytest.raises(error, match=f"ImageCollection: {name} must"):
        next(ImageCollection(paths).read_ahead(**options))
