import pickle
import threading

import cv2
import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from skimage import data
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skimgfeat._threads import one_cv2_thread
from skimgfeat.descriptors import SIFT
from skimgfeat.descriptors._describe import describe
from skimgfeat.descriptors._ragged import GEOMETRY, geometry_dtype
from skimgfeat.descriptors._sift import check_sift_parameters

RANKINGS = ("response_size", "response", "size")


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()[:240, 100:400]


@pytest.fixture(scope="module")
def gray(astronaut):
    return np.asarray(Image.fromarray(astronaut).convert("L"))


def of_cv2(gray, *parameters):
    """OpenCV's own keypoints, as a table (x, y, size, angle, response), and float32 descriptors."""
    keypoints, descriptors = cv2.SIFT_create(*parameters).detectAndCompute(gray, None)
    return np.array([(*k.pt, k.size, k.angle, k.response) for k in keypoints], np.float32), descriptors


def describe_one(image, **parameters):
    return SIFT(**parameters).fit_transform([image])[0]


def test_descriptors_are_those_of_cv2_without_loss(gray):
    _, expected = of_cv2(gray)
    actual = describe_one(gray)
    assert actual.dtype == np.uint8
    assert actual.shape == expected.shape
    assert len(actual) > 200
    assert sorted(map(tuple, actual)) == sorted(map(tuple, expected.astype(int)))


def test_parameters_reach_cv2(gray):
    parameters = (5, 0.06, 6.0, 1.3)
    expected = of_cv2(gray, 0, *parameters)[1]
    names = ("n_octave_layers", "contrast_threshold", "edge_threshold", "sigma")
    for index, name in enumerate(names):
        assert len(describe_one(gray, **{name: parameters[index]})) != len(describe_one(gray)), name
    actual = describe_one(gray, **dict(zip(names, parameters, strict=True)))
    assert sorted(map(tuple, actual)) == sorted(map(tuple, expected.astype(int)))


@pytest.mark.parametrize("rank_by", RANKINGS)
def test_the_best_come_first(gray, rank_by):
    actual = describe_one(gray, rank_by=rank_by, geometry=True)
    table, descriptors = of_cv2(gray)
    response, size = table[:, 4], table[:, 2]
    rank = {"response": response, "size": size, "response_size": response * size}[rank_by]
    # One number a keypoint and orientation tells which is which, and breaks ties as documented.
    keys = list(zip(-rank, table[:, 0], table[:, 1], -size, table[:, 3], strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    assert_array_equal(actual["descriptor"], descriptors[order])
    assert_array_equal(actual["size"], table[order, 2])
    assert_array_equal(actual["angle"], table[order, 3])
    assert_array_equal(actual["response"], table[order, 4])
    assert_allclose(actual["x"] * gray.shape[1], table[order, 0], rtol=1e-6)
    assert_allclose(actual["y"] * gray.shape[0], table[order, 1], rtol=1e-6)


@pytest.mark.parametrize("dense_step", [None, 7])
@pytest.mark.parametrize("rank_by", RANKINGS)
@pytest.mark.parametrize("n_features", [1, 2, 10, 113, 100_000])
def test_n_features_is_the_head_of_all(gray, rank_by, n_features, dense_step):
    parameters = {"rank_by": rank_by, "dense_step": dense_step, "geometry": True}
    head = describe_one(gray, n_features=n_features, **parameters)
    assert_array_equal(head, describe_one(gray, **parameters)[:n_features])


@pytest.mark.parametrize("rank_by", RANKINGS)
def test_n_features_is_the_head_of_all_where_responses_tie(rank_by):
    """A tiled image has the same keypoint again and again; cv2's own cap then gives more than it was asked for."""
    tile = np.zeros((48, 48), np.uint8)
    cv2.circle(tile, (20, 22), 6, 255, -1)
    image = np.tile(tile, (4, 4))
    everything = describe_one(image, rank_by=rank_by, geometry=True)
    assert len(np.unique(everything["response"])) < len(everything)
    for n_features in (1, 3, 5, 8, 20):
        assert_array_equal(
            describe_one(image, rank_by=rank_by, n_features=n_features, geometry=True), everything[:n_features]
        )


def test_the_head_holds_in_coarse_octaves_only():
    """Keypoints of coarse octaves alone make cv2 begin its pyramid elsewhere."""
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 256, (12, 12), dtype=np.uint8), (200, 200), interpolation=cv2.INTER_CUBIC)
    image[:20, :20] = rng.integers(0, 256, (20, 20))
    everything = describe_one(image, rank_by="size", geometry=True)
    head = describe_one(image, rank_by="size", geometry=True, n_features=3)
    assert everything["size"].min() < 4 < 12 < head["size"].min()
    assert_array_equal(head, everything[:3])


def test_geometry_is_a_structured_array(gray):
    found = describe_one(gray, geometry=True)
    assert found.dtype == geometry_dtype(np.uint8, 128)
    assert found.dtype.names == ("descriptor", *GEOMETRY)
    assert_array_equal(found["descriptor"], describe_one(gray))
    for name in "xy":
        assert 0 < found[name].min() < 0.1 < 0.9 < found[name].max() < 1


def test_root_is_hellinger(gray):
    plain, root = describe_one(gray), describe_one(gray, root=True)
    expected = np.sqrt(plain / plain.sum(axis=1, keepdims=True))
    assert root.dtype == np.uint8
    assert_allclose(root / 512, expected, atol=0.5 / 512 + 1e-6)
    # The distance of roots is the Hellinger distance of the descriptors.
    inner = np.sqrt(plain[0] / plain[0].sum()) @ np.sqrt(plain[1] / plain[1].sum())
    assert_allclose(np.linalg.norm(root[0] / 512 - root[1] / 512), np.sqrt(2 - 2 * inner), rtol=0.01)
    assert root.max() > 120


def test_root_of_a_descriptor_of_zeros_is_zeros():
    found = describe_one(np.full((40, 40), 7, np.uint8), dense_step=4, root=True)
    assert len(found) == 49
    assert not found.any()


# --- Images


def test_colors_become_gray_as_pillow_does(astronaut, gray):
    assert_array_equal(describe_one(astronaut), describe_one(gray))
    assert_array_equal(describe_one(gray[..., None]), describe_one(gray))


@pytest.mark.parametrize(
    "convert",
    [
        lambda levels: levels.astype(np.uint16) * 257,
        lambda levels: (levels.astype(np.uint16) * 257).astype(">u2"),
        lambda levels: levels / 255,
        lambda levels: (levels / 255).astype(np.float32),
        lambda levels: (levels / 255).astype(">f4"),
        lambda levels: np.asfortranarray(levels),
        lambda levels: np.repeat(levels, 2, axis=1)[:, ::2],
    ],
    ids=["uint16", "big-endian uint16", "float64", "float32", "big-endian float32", "Fortran", "strided"],
)
@pytest.mark.parametrize("color", [False, True])
def test_types_are_scaled_by_their_full_scale(astronaut, gray, convert, color):
    levels = astronaut if color else gray
    assert_array_equal(describe_one(convert(levels)), describe_one(levels))


def test_truth_values_are_black_and_white(gray):
    mask = gray > 100
    assert_array_equal(describe_one(mask), describe_one(mask * np.uint8(255)))


def test_images_come_in_arrays_lists_and_rows(gray):
    parts = [gray[:100, :90], gray[100:200, 50:140]]
    expected = SIFT().fit_transform(parts)
    objects = np.empty(2, dtype=object)
    objects[:] = parts
    stack = np.stack(parts)
    for X, shape in [(tuple(parts), None), (objects, None), (stack, None), (stack.reshape(2, -1), (100, -1))]:
        actual = SIFT(image_shape=shape).fit_transform(X)
        assert isinstance(actual, list)
        for one, other in zip(actual, expected, strict=True):
            assert_array_equal(one, other)


def test_images_differ_in_size_type_and_channels(astronaut, gray):
    images = [astronaut, gray[:90, :200], gray[:120, :120] / 255]
    sift = SIFT().fit(images)
    assert sift.image_shape_ is None
    assert not hasattr(sift, "n_features_in_")
    for one, image in zip(sift.transform(images), images, strict=True):
        assert_array_equal(one, describe_one(image))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (7, 9), (60, 60)])
@pytest.mark.parametrize("parameters", [{}, {"n_features": 5}, {"rank_by": "response", "n_features": 5}])
def test_no_keypoints_make_an_empty_array(shape, parameters):
    blank = np.full(shape, 200, dtype=np.uint8)
    assert describe_one(blank, **parameters).shape == (0, 128)
    assert describe_one(blank, **parameters).dtype == np.uint8
    structured = describe_one(blank, geometry=True, **parameters)
    assert structured.shape == (0,)
    assert structured["descriptor"].shape == (0, 128)


def test_large_images_are_reduced_by_area(gray):
    """Geometry stays that of the image as it came."""
    small = cv2.resize(gray, (150, 120), interpolation=cv2.INTER_AREA)
    reduced, whole = describe_one(gray, max_pixels=150 * 120, geometry=True), describe_one(small, geometry=True)
    assert_array_equal(reduced["descriptor"], whole["descriptor"])
    assert_allclose(reduced["size"], 2 * whole["size"], rtol=1e-6)
    # The first pixel of the small image covers the first two of the large one, around 0.5.
    assert_allclose(reduced["x"] * 300, 2 * whole["x"] * 150 + 0.5, rtol=1e-5)
    assert_allclose(reduced["y"] * 240, 2 * whole["y"] * 120 + 0.5, rtol=1e-5)
    assert_array_equal(describe_one(gray, max_pixels=None), describe_one(gray, max_pixels=gray.size))


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1), (3, 900), (40, 50), (2, 2)])
@pytest.mark.parametrize("max_pixels", [1, 2, 7, 500])
def test_max_pixels_holds_whatever_the_shape(shape, max_pixels, monkeypatch):
    sizes = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda image, size, **more: sizes.append(size) or resize(image, size, **more))
    describe_one(np.zeros(shape, np.uint8), max_pixels=max_pixels)
    for cols, rows in sizes:
        assert 1 <= rows * cols <= max_pixels
    assert len(sizes) == (shape[0] * shape[1] > max_pixels)


# --- Dense


def test_dense_is_cv2_on_a_grid(gray):
    size = 6
    found = describe_one(gray, dense_step=9, dense_size=size, geometry=True)
    rows, cols = gray.shape
    n_rows, n_cols = (rows - 4 * size) // 9 + 1, (cols - 4 * size) // 9 + 1
    xs, ys = (np.unique(np.rint(found[name] * side).astype(int)) for name, side in (("x", cols), ("y", rows)))
    assert (len(ys), len(xs)) == (n_rows, n_cols)
    assert len(found) == n_rows * n_cols
    for places, side in ((xs, cols), (ys, rows)):
        assert set(np.diff(places)) == {9}
        # Windows inside the image, and the grid in its middle.
        assert places[0] - 2 * size >= 0
        assert places[-1] + 2 * size <= side
        assert abs(places[0] - (side - places[-1])) <= 1
    # A bin is 3 times the standard deviation, which is half the size of a keypoint.
    keypoints = [cv2.KeyPoint(float(round(k["x"] * cols)), float(round(k["y"] * rows)), size / 1.5, 0) for k in found]
    _, expected = cv2.SIFT_create().compute(gray, keypoints)
    assert_array_equal(found["descriptor"], expected)
    assert set(found["angle"]) == {0}


def test_a_bin_is_as_wide_as_said():
    """Upright edges a bin to the left and right of the center touch different columns of bins."""
    size = 8
    image = np.zeros((4 * size, 4 * size), dtype=np.uint8)
    image[:, 3 * size :] = 255
    (descriptor,) = describe_one(image, dense_step=100, dense_size=size)
    by_column = descriptor.reshape(4, 4, 8).sum(axis=(0, 2), dtype=int)
    assert by_column[2] > 0
    assert_allclose(by_column[2], by_column[3], rtol=0.35)
    assert by_column[:2].sum() < 0.1 * by_column.sum()


def test_dense_response_is_the_contrast_of_the_window():
    rng = np.random.default_rng(0)
    image = np.full((64, 64), 100, dtype=np.uint8)
    image[32:, :32] = rng.integers(0, 256, (32, 32))
    found = describe_one(image, dense_step=16, dense_size=4, geometry=True)
    assert found["response"][0] == found["response"].max()
    assert found["x"][0] < 0.5 < found["y"][0]
    assert found["response"].min() == 0
    ramp = np.tile(np.arange(0, 192, 3, dtype=np.uint8), (64, 1))
    # The border columns, without a neighbor on one side, lower the windows on the left and right.
    response = describe_one(ramp, dense_step=16, geometry=True)["response"]
    assert_allclose(response[:8], 3 / 255, rtol=1e-5)
    assert response[8:].max() < 0.99 * 3 / 255


@pytest.mark.parametrize(("shape", "count"), [((16, 16), 1), ((15, 16), 0), ((16, 15), 0), ((1, 1), 0), ((18, 16), 2)])
def test_dense_needs_a_whole_window(shape, count):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert describe_one(image, dense_step=2).shape == (count, 128)


# --- Threads, pickles, errors


@pytest.mark.parametrize("parameters", [{}, {"n_features": 20, "geometry": True}, {"dense_step": 12}])
def test_threads_change_nothing(astronaut, gray, parameters):
    images = [gray, np.zeros_like(gray), astronaut, gray[::-1], gray[:, ::-1].copy()]
    expected = SIFT(**parameters).fit_transform(images)
    before = cv2.getNumThreads()
    for n_jobs in (2, -1):
        for one, other in zip(SIFT(**parameters, n_jobs=n_jobs).fit_transform(images), expected, strict=True):
            assert_array_equal(one, other)
    with parallel_config(n_jobs=3):
        actual = SIFT(**parameters).fit_transform(images)
    assert all(np.array_equal(one, other) for one, other in zip(actual, expected, strict=True))
    assert cv2.getNumThreads() == before


def test_the_threads_of_cv2_are_restored_by_the_last(gray):
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        with one_cv2_thread():
            assert cv2.getNumThreads() == 1
            other = threading.Thread(target=describe_one, args=(gray,))
            other.start()
            other.join()
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 3
        with pytest.raises(RuntimeError), one_cv2_thread():
            raise RuntimeError
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_pickles_and_clones(gray):
    sift = SIFT(n_features=9, geometry=True).fit([gray])
    twin = pickle.loads(pickle.dumps(sift))
    assert_array_equal(twin.transform([gray])[0], sift.transform([gray])[0])
    assert clone(sift).get_params() == sift.get_params()
    with pytest.raises(NotFittedError):
        clone(sift).transform([gray])


def test_describe_is_a_pure_function(gray):
    before = gray.copy()
    parameters = check_sift_parameters("SIFT", SIFT(n_features=7))
    assert_array_equal(describe(gray, parameters), describe_one(gray, n_features=7))
    assert_array_equal(gray, before)
    gray = np.array(gray)
    gray.setflags(write=False)
    assert_array_equal(describe(gray, parameters), describe_one(gray, n_features=7))


def test_no_names_and_no_containers(gray):
    sift = SIFT().set_output(transform="pandas").fit([gray])
    assert isinstance(sift.transform([gray]), list)
    assert not hasattr(sift, "get_feature_names_out")


NAN = np.full((20, 20), np.nan)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([np.zeros((20, 20)), NAN], ValueError, "SIFT: image 1 of X contains NaN"),
        (NAN[None], ValueError, "NaN"),
        ([np.zeros((20, 20)) - 1], ValueError, "Negative values in data passed to SIFT: image 0"),
        (np.zeros((2, 20, 20)) - 1, ValueError, "Negative values in data passed to SIFT"),
        ([np.full((20, 20), 255.0)], ValueError, r"SIFT: image 0 .* float64 .* 255; they must lie in \[0, 1\]"),
        (np.full((2, 20, 20), 255, dtype=np.int64), ValueError, r"int64 .* 255; .*X.astype\(np.uint8\)"),
        (np.zeros((2, 20, 20, 4)), ValueError, r"RGB images with 3 channels.*alpha"),
        ([np.zeros((20, 20, 2))], ValueError, "image 0 has shape"),
        (np.zeros((1, 2, 3, 20, 20)), ValueError, "X must be images"),
        ([np.zeros((1, 2, 20, 20))], ValueError, "image 0 of X has shape"),
        ([np.zeros((20, 0))], ValueError, "not empty"),
        ([np.zeros((20, 20)), None], ValueError, "image 1 of X has shape"),
        ([np.zeros((20, 20), dtype=complex)], TypeError, "must hold real numbers"),
        ([np.full((20, 20), "a")], TypeError, "must hold real numbers"),
        (np.zeros((20, 20)), ValueError, r"X is 2-D.*X\[None\]"),
        ([], ValueError, "0 sample|1D array|1-D"),
        (np.empty((0, 20, 20)), ValueError, "0 sample"),
    ],
)
def test_what_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        SIFT().fit(X)
    if error is not ValueError or "2-D" not in message:
        fitted = SIFT().fit(np.zeros((1, 20, 20)))
        with pytest.raises(error):
            fitted.transform(X)


def test_image_shape_is_asked_for():
    with pytest.raises(ValueError, match=r"image_shape=\(20, 20\)"):
        SIFT(image_shape=(20, 20)).fit([np.zeros((20, 21))])
    with pytest.raises(ValueError, match="expecting 400 features"):
        SIFT(image_shape=(20, -1)).fit(np.zeros((1, 400))).transform(np.zeros((1, 420)))


COUNT = ([1.5, "2", True, [1]], [-1])
NUMBER = ([None, "2", True, 1j, [0.1]], [-0.1, np.nan, np.inf])
FLAG = ([None, 0, 1, "True"], [])
INVALID = {
    "n_features": ([None, *COUNT[0]], COUNT[1]),
    "rank_by": ([None, 1, True], ["", "Response", "norm"]),
    "n_octave_layers": ([None, *COUNT[0]], [0, -1]),
    "contrast_threshold": NUMBER,
    "edge_threshold": (NUMBER[0], [0, *NUMBER[1]]),
    "sigma": (NUMBER[0], [0, *NUMBER[1]]),
    "root": FLAG,
    "geometry": FLAG,
    "max_pixels": (COUNT[0], [0, -1]),
    "dense_step": (COUNT[0], [0, -1]),
    "dense_size": ([None, *COUNT[0]], [0, -1]),
    "image_shape": ([4, "ab", (2.0, 3)], [(), (32,), (0, 3), (-1, -1)]),
    "n_jobs": ([1.0, "2", True], [0]),
}


@pytest.mark.parametrize("name", INVALID)
def test_parameters_are_checked_at_fit(name):
    assert SIFT().get_params().keys() == INVALID.keys()
    for error, values in zip((TypeError, ValueError), INVALID[name], strict=True):
        for value in values:
            with pytest.raises(error, match=rf"^SIFT: {name} must"):
                SIFT(**{name: value}).fit(np.zeros((2, 20, 20)))
