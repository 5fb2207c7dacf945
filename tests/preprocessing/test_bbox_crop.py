"""BBoxCrop beside slices written out, as a step of pipelines, and on what boxes should not be."""

import io
import os
import pickle
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skimgfeat import (
    HOG,
    BBoxCrop,
    ColorHistogram,
    FailedImagesWarning,
    Flatten,
    ImageCollection,
    ImageReader,
    Resize,
)
from skimgfeat.datasets import OpenImages
from skimgfeat.io import ImageError, _collection

CORNERS = ["x_min", "y_min", "x_max", "y_max"]
PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encode(photo, file_format="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, file_format, **options)
    return buffer.getvalue()


def table(boxes, photo=PHOTO, **columns):
    return pd.DataFrame(np.atleast_2d(boxes), columns=CORNERS).assign(path=[encode(photo)] * len(np.atleast_2d(boxes)))


def crop(box, photo=PHOTO, **parameters):
    """The one crop that a table of one row gives; images and bboxes must give the same."""
    step = BBoxCrop(**parameters)
    cut = step.fit_transform(table(box, photo))[0]
    assert_array_equal(step.fit_transform([photo], bboxes=[box])[0], cut)
    assert_array_equal(step.fit_transform(ImageCollection([encode(photo)]), bboxes=[box])[0], cut)
    return cut


# --- Where a box begins and ends


@pytest.mark.parametrize(
    ("box", "rows", "cols"),
    [
        ((0, 0, 1, 1), slice(0, 40), slice(0, 60)),
        ((0.5, 0, 1, 0.5), slice(0, 20), slice(30, 60)),  # x goes along the columns
        ((0.1, 0.2, 0.3, 0.4), slice(8, 16), slice(6, 18)),
        ((0.11, 0.21, 0.29, 0.39), slice(8, 16), slice(6, 18)),  # floor and ceil
        ((0.501, 0.501, 0.502, 0.502), slice(20, 21), slice(30, 31)),  # less than a pixel is one
        ((-0.5, 0.5, 0.5, 1.7), slice(20, 40), slice(0, 30)),  # what is outside is cut off
        ((-1e9, -1e300, 1e9, 1e300), slice(0, 40), slice(0, 60)),
    ],
)
def test_normalized(box, rows, cols):
    assert_array_equal(crop(box), PHOTO[rows, cols])
    pixels = np.array(box) * [60, 40, 60, 40]
    assert_array_equal(crop(pixels, units="pixel"), PHOTO[rows, cols])


def test_is_the_formula_of_the_source_with_its_axes_put_right():
    rng = np.random.default_rng(1)
    for _ in range(300):
        rows, cols = rng.integers(1, 50, 2)
        photo = rng.integers(0, 256, (rows, cols), dtype=np.uint8)
        (x_min, x_max), (y_min, y_max) = np.sort(rng.random((2, 2)).round(6))
        if x_min == x_max or y_min == y_max:
            continue
        first_row, last_row = int(np.floor(y_min * photo.shape[0])), int(np.ceil(y_max * photo.shape[0]))
        first_col, last_col = int(np.floor(x_min * photo.shape[1])), int(np.ceil(x_max * photo.shape[1]))
        expected = photo[first_row:last_row, first_col:last_col]
        assert_array_equal(BBoxCrop().fit_transform([photo], bboxes=[[x_min, y_min, x_max, y_max]])[0], expected)


def test_whole_pixels_come_back_from_parts_of_a_side():
    """As VOC and COCO are read; of the sides here, 480 and 375 have ends whose product is a float beside them."""
    for length in (375, 480, 640):
        photo = np.arange(length, dtype=np.uint16)[None]
        for start in range(length):
            for stop in (start + 1, (start + length) // 2 + 1):
                (cut,) = BBoxCrop().fit_transform([photo], bboxes=[[start / length, 0, stop / length, 1]])
                assert_array_equal(cut, photo[:, start:stop])


@pytest.mark.parametrize(
    ("box", "parameters", "cols"),
    [
        ((0.07, 0, 0.08, 1), {}, slice(7, 8)),  # 7.000000000000001
        ((0, 0, 0.07, 1), {}, slice(0, 7)),
        ((100, 0, 200, 1), {"units": "pixel", "context": 0.07}, slice(93, 207)),  # the same noise, of the margin
        ((0.2, 0, 0.3000001, 1), {}, slice(20, 31)),  # a hundred-thousandth of a pixel is no noise
        ((0.1999999, 0, 0.3, 1), {}, slice(19, 30)),
        ((7 + 1e-9, 0, 9 - 1e-9, 1), {"units": "pixel"}, slice(7, 9)),
        ((7 - 1e-9, 0, 9 + 1e-9, 1), {"units": "pixel"}, slice(7, 9)),
    ],
)
def test_noise_of_floats_is_no_pixel(box, parameters, cols):
    photo = np.arange(300 if "context" in parameters else 100, dtype=np.uint16)[None]
    (cut,) = BBoxCrop(**parameters).fit_transform([photo], bboxes=[box])
    assert_array_equal(cut, photo[:, cols])


@pytest.mark.parametrize(
    ("box", "context", "rows", "cols"),
    [
        ((20, 10, 30, 14), 0.5, slice(8, 16), slice(15, 35)),
        ((20, 10, 30, 14), 0.01, slice(9, 15), slice(19, 31)),
        ((20, 10, 30, 14), 3, slice(0, 26), slice(0, 60)),
        ((50, 30, 60, 40), 1, slice(20, 40), slice(40, 60)),
    ],
)
def test_context(box, context, rows, cols):
    assert_array_equal(crop(box, units="pixel", context=context), PHOTO[rows, cols])


@pytest.mark.parametrize(
    ("box", "rows", "cols"),
    [
        ((20, 10, 30, 14), slice(7, 17), slice(20, 30)),
        ((20, 10, 30, 15), slice(8, 18), slice(20, 30)),  # the larger half of an odd margin is at the end
        ((10, 20, 14, 30), slice(20, 30), slice(7, 17)),
        ((20, 1, 30, 3), slice(0, 10), slice(20, 30)),  # moved in at the top
        ((20, 37, 30, 39), slice(30, 40), slice(20, 30)),  # and at the bottom
        ((5, 5, 55, 10), slice(0, 40), slice(5, 55)),  # longer than the photo is high
        ((-30, 10, 10, 14), slice(7, 17), slice(0, 10)),  # what is outside does not make it larger
        ((3, 3, 9, 9), slice(3, 9), slice(3, 9)),
    ],
)
def test_square(box, rows, cols):
    assert_array_equal(crop(box, units="pixel", square=True), PHOTO[rows, cols])


def test_context_before_square():
    # 5 wide and 20 high becomes 15 by 60: rows 0 to 40 of them are there, and 40 columns around the middle.
    cut = crop((30, 10, 35, 30), units="pixel", context=1, square=True)
    assert_array_equal(cut, PHOTO[:, 13:53])


def test_gray_and_floats():
    gray = PHOTO[..., 0] / 255
    assert_array_equal(BBoxCrop().fit_transform(gray[None], bboxes=[[0.5, 0, 1, 1]])[0], gray[:, 30:])


# --- What cannot be cut out

BAD = [
    ((np.nan, 0, 1, 1), "bad_box"),
    ((0, 0, np.inf, 1), "bad_box"),
    ((0.5, 0, 0.4, 1), "bad_box"),
    ((0, 0.5, 1, 0.4), "bad_box"),
    ((0.5, 0, 0.5, 1), "empty_box"),
    ((0, 0.25, 1, 0.25), "empty_box"),
    ((1, 0, 2, 1), "outside_image"),
    ((-1, 0, 0, 1), "outside_image"),
    ((0, 1.5, 1, 2), "outside_image"),
    ((0, -2, 1, -1e-9), "outside_image"),
    ((1 - 1e-9, 0, 2, 1), "outside_image"),
    ((0.5, 0, 0.5 + 1e-9, 1), "empty_box"),
]


@pytest.mark.parametrize("parameters", [{}, {"context": 5.0, "square": True}])
@pytest.mark.parametrize(("box", "code"), BAD)
def test_boxes_that_are_none(box, code, parameters):
    """Context does not make a box of one that is none."""
    step = BBoxCrop(**parameters)
    with pytest.raises(ImageError, match="image 1, 'item 1': the box") as error:
        step.fit_transform(table([(0, 0, 1, 1), box]))[1]
    assert error.value.code == code
    with pytest.raises(ImageError, match="BBoxCrop: image 1 of X: the box") as error:
        step.fit_transform([PHOTO, PHOTO], bboxes=[(0, 0, 1, 1), box])
    assert error.value.code == code


def test_failures_travel_with_their_row(tmp_path):
    boxes = table([(0, 0, 1, 1), (0.5, 0, 0.5, 1), (0, 0, 0.5, 0.5), (0, 0, 0.5, 0.5), (0, 0, 1, np.nan)])
    boxes["path"] = boxes["path"].astype(object)
    boxes.loc[2, "path"] = "nowhere.png"
    boxes.loc[3, "path"] = None
    crops = BBoxCrop(on_error="nan", root=tmp_path).fit_transform(boxes)
    assert crops.check()["code"] == ["", "empty_box", "missing", "missing", "bad_box"]
    pipeline = make_pipeline(BBoxCrop(on_error="nan", root=tmp_path), Resize((16, 16)), ColorHistogram(bins=2))
    with pytest.warns(FailedImagesWarning, match="4 of 5 images"):
        rows = pipeline.fit_transform(boxes)
    assert_array_equal(np.isnan(rows).all(axis=1), [False, True, True, True, True])


def test_paths_stay_inside_the_root(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "secret.png").write_bytes(encode(PHOTO))
    boxes = table((0, 0, 1, 1)).assign(path="../secret.png")
    with pytest.raises(ImageError, match="outside_root"):
        BBoxCrop(root=tmp_path / "photos").fit_transform(boxes)[0]


# --- Orientation and rotation


def test_exif():
    """The box refers to the photo as it is seen, or, ignored, as it is stored."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise to be seen
    boxes = table((0, 0, 0.5, 0.25)).assign(path=[encode(PHOTO, exif=exif)])
    assert_array_equal(BBoxCrop().fit_transform(boxes)[0], np.rot90(PHOTO, -1)[:15, :20])
    assert_array_equal(BBoxCrop(orientation="ignore").fit_transform(boxes)[0], PHOTO[:10, :30])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90, 360, None])
def test_rotation_turns_the_crop_counterclockwise(rotation):
    degrees = pd.array([rotation], dtype="Int16")
    boxes = table((0, 0, 0.5, 0.25)).assign(rotation=degrees)
    cut = BBoxCrop(rotation="rotation").fit_transform(boxes)[0]
    turned = Image.fromarray(PHOTO[:10, :30]).rotate(rotation or 0, expand=True)
    assert_array_equal(cut, np.asarray(turned))


def test_other_rotations_are_refused():
    with pytest.raises(ImageError, match="the rotation 45 is no multiple of 90"):
        BBoxCrop(rotation="turn").fit_transform(table((0, 0, 1, 1)).assign(turn=45))[0]
    with pytest.raises(ValueError, match="names a column, but X is no data frame"):
        BBoxCrop(rotation="turn").fit([PHOTO], bboxes=[[0, 0, 1, 1]])


# --- What X may be


def test_frames_of_polars_nullable_types_and_other_names():
    boxes = table([(0, 0, 0.5, 0.5), (0.2, 0.2, 0.4, 0.9)])
    expected = [PHOTO[:20, :30], PHOTO[8:36, 12:24]]
    named = boxes.rename(columns={"path": "photo", "x_min": "left"})
    columns = ("photo", "left", "y_min", "x_max", "y_max")
    for X, step in (
        (boxes, BBoxCrop()),
        (boxes.assign(other="x"), BBoxCrop()),
        (boxes.astype(dict.fromkeys(CORNERS, "Float64")), BBoxCrop()),
        (boxes.astype(dict.fromkeys(CORNERS, object)), BBoxCrop()),
        (pl.DataFrame(boxes.to_dict("list")), BBoxCrop()),
        (pl.DataFrame(boxes.to_dict("list")).to_arrow(), BBoxCrop()),
        (named, BBoxCrop(columns)),
    ):
        for cut, want in zip(step.fit_transform(X), expected, strict=True):
            assert_array_equal(cut, want)


@pytest.mark.parametrize("missing", [pd.NA, None])
def test_missing_corners(missing):
    boxes = table([(0, 0, 1, 1), (0, 0, 1, 1)])
    values = [0.0, missing]
    for X in (
        boxes.assign(x_min=pd.array(values, dtype="Float64")),
        pl.DataFrame(boxes.assign(x_min=0.0).to_dict("list")).with_columns(x_min=pl.Series([0.0, None])),
        pl.DataFrame(boxes.assign(x_min=0.0).to_dict("list")).with_columns(x_min=pl.Series([0.0, None])).to_arrow(),
    ):
        crops = BBoxCrop(on_error="nan").fit_transform(X)
        assert crops.check()["code"] == ["", "bad_box"]


def test_a_column_of_arrays():
    photos = [PHOTO, PHOTO[:10]]
    boxes = table([(0, 0, 0.5, 0.5)] * 2)
    boxes["path"] = pd.Series(photos)
    cuts = BBoxCrop().fit_transform(boxes)
    assert_array_equal(cuts[0], PHOTO[:20, :30])
    assert_array_equal(cuts[1], PHOTO[:5, :30])
    cuts[0][:] = 0  # a copy
    assert PHOTO[:20, :30].any()


@pytest.mark.parametrize(
    ("X", "bboxes", "message"),
    [
        (table((0, 0, 1, 1)), [[0, 0, 1, 1]], "bboxes must be None"),
        (table((0, 0, 1, 1)).drop(columns="y_max"), None, "has no column 'y_max'"),
        (table((0, 0, 1, 1)).assign(x_min="left"), None, "column 'x_min' of X must hold numbers"),
        ([PHOTO], None, "set_fit_request"),
        ([PHOTO], [[0, 0, 1]], r"bboxes must be of shape \(1, 4\), got \(1, 3\)"),
        ([PHOTO], [[0, 0, 1, 1]] * 2, r"bboxes must be of shape \(1, 4\), got \(2, 4\)"),
        (["photo.png"], [[0, 0, 1, 1]], "ImageReader makes images of paths"),
        (np.zeros((3, 4)), np.zeros((3, 4)), "X must be a data frame"),
    ],
)
def test_what_is_refused(X, bboxes, message):
    for method in ("fit", "transform", "fit_transform"):
        with pytest.raises(ValueError, match=message):
            getattr(BBoxCrop(), method)(X, bboxes=bboxes)


# --- In pipelines


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Photos with bright and dark squares, a table of them, and the labels."""
    folder = tmp_path_factory.mktemp("cells")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(8):
        photo = rng.integers(100, 130, (60, 80, 3), dtype=np.uint8)
        for place in range(4):
            bright = (number + place) % 2
            photo[10:30, 20 * place : 20 * place + 15] = 220 if bright else 30
            corners = (20 * place / 80, 10 / 60, (20 * place + 15) / 80, 30 / 60)
            rows.append((f"{number}.png", *corners, bright))
        Image.fromarray(photo).save(folder / f"{number}.png")
    frame = pd.DataFrame(rows, columns=["path", *CORNERS, "label"])
    return folder, frame


def test_a_search_over_tables(cells):
    folder, frame = cells
    pipeline = make_pipeline(BBoxCrop(root=folder), Resize((8, 8)), ColorHistogram(), KNeighborsClassifier(1))
    search = GridSearchCV(pipeline, {"bboxcrop__context": [0, 0.2]}, cv=GroupKFold(4), n_jobs=2)
    search.fit(frame, frame["label"], groups=frame["path"])
    assert search.best_score_ == 1
    polars = pl.DataFrame(frame.to_dict("list"))
    scores = cross_val_score(pipeline, polars, frame["label"], groups=frame["path"], cv=GroupKFold(4))
    assert scores.min() == 1


def test_bboxes_by_metadata_routing(cells):
    """Through fit, fit_transform and transform, sliced by cross-validation, for arrays and for paths."""
    folder, frame = cells
    bboxes = frame[CORNERS].to_numpy()
    paths = frame["path"].to_numpy(dtype=object)
    photos = np.stack([np.asarray(Image.open(folder / name)) for name in paths])
    with config_context(enable_metadata_routing=True):
        step = BBoxCrop().set_fit_request(bboxes=True).set_transform_request(bboxes=True)
        steps = [step, Resize((8, 8)), ColorHistogram(), KNeighborsClassifier(1)]
        scores = [
            cross_val_score(clone(make_pipeline(*first, *steps)), X, frame["label"], cv=4, params={"bboxes": bboxes})
            for first, X in (([], photos), ([ImageReader(root=folder)], paths))
        ]
        fitted = make_pipeline(*steps).fit(photos, frame["label"], bboxes=bboxes)
        assert_array_equal(fitted.predict(photos, bboxes=bboxes), frame["label"])
    assert scores[0].min() == scores[1].min() == 1


def test_set_output_and_pickles(cells):
    folder, frame = cells
    pipeline = make_pipeline(BBoxCrop(root=folder), Resize((16, 16)), HOG(cells_per_block=(1, 1)))
    expected = pipeline.fit_transform(frame)
    rows = pipeline.set_output(transform="pandas").fit_transform(frame)
    assert list(rows.columns) == list(pipeline[-1].get_feature_names_out())
    crops = BBoxCrop(root=folder).fit_transform(frame)
    for twin in (crops, pickle.loads(pickle.dumps(crops)), pickle.loads(pickle.dumps(crops[3:]))):
        again = make_pipeline(Resize((16, 16)), HOG(cells_per_block=(1, 1))).fit_transform(twin)
        assert_array_equal(again, expected[-len(twin) :])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_slices_keep_their_boxes(cells, n_jobs):
    folder, frame = cells
    crops = BBoxCrop(root=folder).fit_transform(frame)
    everything = [np.asarray(cut) for cut in crops]
    order = np.random.default_rng(0).permutation(len(frame))
    for key in (slice(5, 20), slice(None, None, -3), order, order[:7] % 2 == 0, list(order[:4])):
        if isinstance(key, np.ndarray) and key.dtype == bool:
            key = np.resize(key, len(frame))
        part = crops[key]
        expected = np.arange(len(frame))[key]
        assert len(part) == len(expected)
        for cut, index in zip(part.read_ahead(n_jobs=n_jobs), expected, strict=True):
            assert_array_equal(cut, everything[index])
    flat = Flatten().fit_transform(Resize((4, 4), n_jobs=n_jobs).fit_transform(crops[order][::2]))
    assert_array_equal(flat, Flatten().fit_transform(Resize((4, 4)).fit_transform(crops))[order[::2]])


def test_boxes_belong_to_their_images(cells):
    folder, frame = cells
    crops = BBoxCrop(root=folder).fit_transform(frame)
    with pytest.raises(ValueError, match="other sources have no arguments"):
        crops.with_sources(["0.png"] * len(frame))
    with pytest.raises(ValueError, match="arguments must be one for each of 32 images, got 3"):
        crops.map(np.multiply, arguments=np.arange(3))


# --- A photo is decoded once


@pytest.fixture
def decoded(monkeypatch):
    """The lengths of the files that are decoded."""
    seen = []
    decode, lock = _collection.decode_image, threading.Lock()

    def count(data, **options):
        with lock:
            seen.append((hash(data), options["draft"]))
        return decode(data, **options)

    monkeypatch.setattr(_collection, "decode_image", count)
    return seen


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
@pytest.mark.parametrize("chained", [False, True])
def test_neighbors_of_one_photo_decode_it_once(cells, decoded, n_jobs, chained):
    folder, frame = cells
    crops = BBoxCrop(root=folder).fit_transform(frame)
    assert decoded == []
    if chained:
        crops = Resize((8, 8)).fit_transform(crops)
    assert len(list(crops.read_ahead(n_jobs=n_jobs))) == 32
    assert len(decoded) == len(set(decoded)) == 8


def test_neighbors_of_a_missing_photo_fail_each(cells, decoded):
    folder, frame = cells
    crops = BBoxCrop(root=folder, on_error="nan").fit_transform(frame.assign(path="gone.png"))
    assert crops.check()["code"] == ["missing"] * 32
    assert decoded == []


@pytest.mark.parametrize("has_root", [False, True])
@pytest.mark.parametrize("before", [None, b"", b"no image", encode(PHOTO)[:500], encode(PHOTO)])
def test_a_photo_that_was_replaced_is_read_again(tmp_path, before, has_root):
    """Whether it could be had or not; boxes of one photo share what was decoded, and not what was wrong."""
    path = tmp_path / "photo.png"
    if before is not None:
        path.write_bytes(before)
    boxes = table([(0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1), (0, 0, 1, 1)]).assign(
        path="photo.png" if has_root else str(path)
    )
    crops = BBoxCrop(root=tmp_path if has_root else None, on_error="nan").fit_transform(boxes)
    is_good = before == encode(PHOTO)
    assert [code == "" for code in crops.check()["code"]] == [is_good] * 3
    path.write_bytes(encode(255 - PHOTO[::-1]).ljust(9000, b"\0"))
    assert crops.check()["code"] == [""] * 3
    assert_array_equal(crops[2], 255 - PHOTO[::-1])
    # As many bytes, later.
    modified = path.stat().st_mtime_ns
    path.write_bytes(encode(PHOTO).ljust(9000, b"\0"))
    os.utime(path, ns=(modified, modified + 1_000_000_000))
    assert_array_equal(crops[2], PHOTO)
    path.unlink()
    assert crops.check()["code"] == ["missing"] * 3


def test_the_photos_that_are_kept_are_few(cells, monkeypatch):
    folder, frame = cells
    monkeypatch.setattr("skimgfeat.io._photos._CACHE_BYTES", 30_000)  # two photos of 14,400 bytes
    crops = BBoxCrop(root=folder).fit_transform(frame)
    for _ in crops:
        pass
    assert len(crops._photos._entries) == 2
    monkeypatch.setattr("skimgfeat.io._photos._CACHE_BYTES", 1)
    for _ in crops:
        pass
    assert len(crops._photos._entries) == 1


def test_a_crop_is_a_copy(cells):
    folder, frame = cells
    crops = BBoxCrop(root=folder).fit_transform(frame)
    first = crops[0]
    kept = first.copy()
    first[:] = 7
    assert_array_equal(crops[0], kept)


# --- Draft decoding


def test_draft_decodes_as_large_as_the_box_needs(decoded):
    """A box of half the width asks for twice the photo; sizes in steps of two, so that similar boxes share one."""
    y, x = np.mgrid[:800, :1200]
    photo = np.stack([x // 5, y // 4, (x + y) // 8], axis=-1).astype(np.uint8)
    boxes = table([(0, 0, 1, 1), (0, 0, 0.9, 0.8), (0, 0, 0.5, 0.5), (0.1, 0.1, 0.3, 0.2)], photo)
    boxes["path"] = [encode(photo, "JPEG")] * 4
    whole = BBoxCrop().fit_transform(boxes)
    step = BBoxCrop(draft=(50, 75)).fit(boxes)
    crops = step.transform(boxes)
    shapes = [cut.shape[:2] for cut in crops]
    # The photo at 1/8 has 100 x 150 pixels, at 1/4 200 x 300; a small box asks for all of it.
    assert shapes == [(100, 150), (160, 270), (100, 150), (80, 240)]
    assert len(decoded) == len(set(decoded)) == 3
    for part, full in zip(Resize((50, 75)).fit_transform(crops), Resize((50, 75)).fit_transform(whole), strict=True):
        assert np.abs(part.astype(int) - full).mean() < 2
    # One at a time they are the same.
    for index, cut in enumerate(crops):
        assert_array_equal(step.transform(boxes[index : index + 1])[0], cut)


def test_draft_needs_normalized_boxes():
    with pytest.raises(ValueError, match="draft must be None where units='pixel'"):
        BBoxCrop(units="pixel", draft=(8, 8)).fit(table((0, 0, 1, 1)))


# --- Real boxes


def test_every_real_crop_is_pillows(data_dir):
    """Of 5,103 boxes, a part, by the source's formula with its axes put right, and without the noise of floats."""
    boxes = OpenImages(data_dir / "boxes" / "metadata").boxes()[::17]
    folder = data_dir / "boxes" / "images"
    crops = BBoxCrop(root=folder).fit_transform(boxes)
    for cut, row in zip(crops, boxes.itertuples(), strict=True):
        with Image.open(folder / row.path) as photo:
            pixels = np.asarray(photo.convert("RGB"))
        y_min, y_max = (round(y * pixels.shape[0], 6) for y in (row.y_min, row.y_max))
        x_min, x_max = (round(x * pixels.shape[1], 6) for x in (row.x_min, row.x_max))
        rows, cols = (int(np.floor(y_min)), int(np.ceil(y_max))), (int(np.floor(x_min)), int(np.ceil(x_max)))
        assert_array_equal(cut, pixels[rows[0] : rows[1], cols[0] : cols[1]])
