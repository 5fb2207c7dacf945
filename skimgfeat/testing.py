"""Checks that an estimator treats images as this package promises; for other packages' estimators too."""

import copy
import io
import pickle
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from skimgfeat._validation import check_flag, check_image_shape, check_number

__all__ = ["check_image_estimator"]

_N_IMAGES = 7  # odd, so that halves differ
_CONTAINERS = ("pandas", "polars")
# Values that differ only by the type they came in may be summed in another precision.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class _Subject:
    """The estimator that is checked, the shape of the images it is shown, and how far its answers may differ."""

    estimator: BaseEstimator
    image_shape: tuple
    atol: float

    @property
    def images(self):
        """Return uint8 images, new ones each time, since an estimator might change them."""
        return _make_images(self.image_shape)

    @property
    def name(self):
        return type(self.estimator).__name__

    @property
    def is_transformer(self):
        return hasattr(self.estimator, "transform")

    def fit(self, X, **parameters):
        estimator = clone(self.estimator).set_params(**parameters)
        return estimator.fit(X, np.arange(len(X)) % 2)

    def answer(self, fitted, X):
        return fitted.transform(X) if self.is_transformer else fitted.predict(X)

    def assert_same(self, answer, expected, what):
        """Compare what was answered for each image, to the bit where ``atol`` is 0."""
        _assert(len(answer) == len(expected), f"{self.name}: {what}: {len(answer)} answers instead of {len(expected)}.")
        for index, (one, other) in enumerate(zip(answer, expected, strict=True)):
            one, other = np.asarray(one), np.asarray(other)
            same_kind = one.shape == other.shape and one.dtype == other.dtype
            same = same_kind and (
                np.allclose(one, other, rtol=0, atol=self.atol)
                if one.dtype.kind == "f" and self.atol > 0
                else np.array_equal(one, other)
            )
            _assert(same, f"{self.name}: {what}: the answer for image {index} is not the same.")

    def assert_refused(self, X, what, *, fitted=None):
        """Expect ValueError at ``fit`` or, where a fitted estimator is given, at ``transform`` or ``predict``."""
        try:
            if fitted is None:
                self.fit(X)
            else:
                self.answer(fitted, X)
        except ValueError:
            return
        method = "fit" if fitted is None else "transform" if self.is_transformer else "predict"
        raise AssertionError(f"{self.name}: {method} must raise ValueError for {what}.")


def _plain_clone(estimator):
    """Return a clone that takes images, always fits alike, and gives arrays."""
    estimator = clone(estimator)
    settings = {"image_shape": None, "random_state": 0}
    estimator.set_params(**{name: settings[name] for name in settings.keys() & estimator.get_params(deep=False)})
    if hasattr(estimator, "set_output"):
        estimator.set_output(transform="default")
    return estimator


def _assert(condition, message):
    if not condition:
        raise AssertionError(message)


def _make_images(image_shape):
    """Return noise in which about half of the values are 0, so that no two images give the same mask or texture."""
    rng = np.random.default_rng(0)
    shape = (_N_IMAGES, *image_shape)
    return rng.integers(1, 256, shape, dtype=np.uint8) * (rng.random(shape) < 0.5)


def _layouts(images, folder):
    read_only = images.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    yield "Fortran-ordered", np.asfortranarray(images)
    yield "strided", np.repeat(images, 2, axis=2)[:, :, ::2]
    yield "reversed", images[::-1, ::-1].copy()[::-1, ::-1]
    path = Path(folder) / "images.npy"
    np.save(path, images)
    yield "memory-mapped", np.load(path, mmap_mode="r")


def _check_layouts(subject):
    """Read-only, Fortran-ordered, strided, reversed and memory-mapped images give what contiguous ones give."""
    expected = subject.answer(subject.fit(subject.images), subject.images)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for layout, X in _layouts(subject.images, folder):
            subject.assert_same(subject.answer(subject.fit(X), X), expected, f"{layout} images")


def _check_lists(subject):
    """A list, a tuple or an object array of equal images gives what their array gives."""
    images = subject.images
    objects = np.empty(len(images), dtype=object)
    objects[:] = list(images)
    expected = subject.answer(subject.fit(images), images)
    for X in (list(images), tuple(images), objects):
        what = f"images in a {type(X).__name__}"
        subject.assert_same(subject.answer(subject.fit(X), X), expected, what)


def _check_rows(subject):
    """Rows laid out by the parameter image_shape give what the images give."""
    images = subject.images
    rows = images.reshape(len(images), -1)
    expected = subject.answer(subject.fit(images), images)
    for image_shape in (images.shape[1:], (-1, *images.shape[2:])):
        for X in (rows, images):
            fitted = subject.fit(X, image_shape=image_shape)
            subject.assert_same(subject.answer(fitted, rows), expected, f"rows with image_shape={image_shape}")


def _check_dtypes(subject):
    """Images of equal values, scaled by the full scale of their type, give equal answers."""
    images = subject.images
    floats = images.astype(np.float32) / np.float32(255)
    mask = images > 127
    for reference, *others in (
        (floats, images, images.astype(np.uint16) * np.uint16(257), floats.astype(np.float64)),
        (mask.astype(np.float32), mask, mask.astype(np.uint8) * np.uint8(255)),
    ):
        expected = subject.answer(subject.fit(reference), reference)
        for X in others:
            for fitted_on in (X, reference):
                _assert_equal_scaled(subject, subject.answer(subject.fit(fitted_on), X), expected, X.dtype)


def _assert_equal_scaled(subject, answer, expected, dtype):
    for one, other in zip(map(np.asarray, answer), map(np.asarray, expected), strict=True):
        scale, tolerance = 1, max(_ROUNDING, subject.atol)
        if one.dtype == dtype and dtype.kind in "bu":
            # Images of the same type came out, rounded: to a level of an integer type, to the nearer truth value.
            scale = 1 if dtype.kind == "b" else np.iinfo(dtype).max
            tolerance += 0.5 if dtype.kind == "b" else 1 / scale
        same = one.shape == other.shape and (
            np.allclose(one.astype(float) / scale, other, rtol=_ROUNDING, atol=tolerance)
            if other.dtype.kind == "f"
            else np.array_equal(one, other)
        )
        _assert(same, f"{subject.name}: {dtype} images do not give what float32 images of the same scaled values give.")


def _check_input_kept(subject):
    """Neither fit nor transform changes X."""
    for dtype in (np.uint8, np.float32):
        X = subject.images.astype(dtype)
        subject.answer(subject.fit(X), X)
        _assert(np.array_equal(X, subject.images), f"{subject.name}: X of dtype {X.dtype} was changed.")


def _check_attributes_kept(subject):
    """Fit leaves the parameters as given; transform leaves every attribute."""
    estimator = clone(subject.estimator)
    parameters = estimator.get_params(deep=False)
    fitted = estimator.fit(subject.images, np.arange(_N_IMAGES) % 2)
    for name, value in fitted.get_params(deep=False).items():
        _assert(value is parameters[name], f"{subject.name}: fit replaced the parameter {name}.")
    before = {name: joblib.hash(value) for name, value in vars(fitted).items()}
    subject.answer(fitted, subject.images[::-1])
    after = {name: joblib.hash(value) for name, value in vars(fitted).items()}
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    _assert(not changed, f"{subject.name}: transform or predict changed the attributes {', '.join(changed)}.")


def _check_refit(subject):
    """A second fit forgets the first."""
    images = subject.images
    fitted = subject.fit(images.swapaxes(1, 2)).fit(images, np.arange(len(images)) % 2)
    expected = subject.answer(subject.fit(images), images)
    subject.assert_same(subject.answer(fitted, images), expected, "fitted again, on images of another shape")


def _check_fixed_shape(subject):
    """Images of another shape than at fit, or of different shapes, raise ValueError."""
    images = subject.images
    fitted = subject.fit(images)
    wider = np.concatenate([images, images[:, :, :1]], axis=2)
    for X in (images.swapaxes(1, 2), wider, list(wider)):
        what = f"images of shape {X[0].shape} after those of shape {images.shape[1:]}"
        subject.assert_refused(X, what, fitted=fitted)
    mixed = [*images[:-1], wider[-1]]
    subject.assert_refused(mixed, "images of different shapes")
    subject.assert_refused(mixed, "images of different shapes", fitted=fitted)


def _check_any_shape(subject):
    """Images of other shapes than at fit, and of different shapes, are answered one by one."""
    images = subject.images
    fitted = subject.fit(images)
    wider = np.concatenate([images, images[:, :, :1]], axis=2)
    mixed = [*images[:-1], wider[-1]]
    expected = [*subject.answer(fitted, images[:-1]), *subject.answer(fitted, wider[-1:])]
    subject.assert_same(subject.answer(fitted, mixed), expected, "images of different shapes")
    subject.assert_same(subject.answer(subject.fit(mixed), mixed), expected, "fitted on images of different shapes")


def _check_dimensions(subject):
    """Numbers, a single gray image and arrays of more than four dimensions raise ValueError."""
    images = subject.images
    gray = images.reshape(*images.shape[:3], -1)[..., 0]
    for X in (gray[0, 0], gray[0], gray[None, None]):
        subject.assert_refused(X, f"X of shape {X.shape}")


def _check_non_finite(subject):
    """One NaN or infinity in the last pixel of the last image raises ValueError, whatever the layout."""
    finite = subject.images.astype(np.float32) / np.float32(255)
    fitted = subject.fit(finite)
    for value in (np.nan, np.inf, -np.inf):
        for order in ("C", "F"):
            X = finite.copy(order=order)
            X[(-1,) * X.ndim] = value
            subject.assert_refused(X, f"{value} in X of order {order}")
            subject.assert_refused(X, f"{value} in X of order {order}", fitted=fitted)


def _check_negative(subject):
    """One negative value raises ValueError, as the tag positive_only says."""
    images = subject.images.astype(np.float32) / np.float32(255)
    fitted = subject.fit(images)
    for order in ("C", "F"):
        X = images.copy(order=order)
        X[(-1,) * X.ndim] = -0.5
        subject.assert_refused(X, "a negative value")
        subject.assert_refused(X, "a negative value", fitted=fitted)


def _check_empty(subject):
    """No images raise ValueError."""
    fitted = subject.fit(subject.images)
    for X in (subject.images[:0], list(subject.images[:0])):
        subject.assert_refused(X, f"an empty {type(X).__name__}")
        subject.assert_refused(X, f"an empty {type(X).__name__}", fitted=fitted)


def _check_batches(subject):
    """What is answered for an image does not depend on the images beside it, or on their order."""
    images = subject.images
    fitted = subject.fit(images)
    whole = subject.answer(fitted, images)
    half = len(images) // 2
    halves = [*subject.answer(fitted, images[:half]), *subject.answer(fitted, images[half:])]
    subject.assert_same(halves, whole, "two halves of X, one after the other")
    singles = [subject.answer(fitted, images[index : index + 1])[0] for index in range(len(images))]
    subject.assert_same(singles, whole, "images of X one by one")
    order = np.random.default_rng(0).permutation(len(images))
    shuffled = subject.answer(fitted, images[order])
    subject.assert_same(shuffled, [whole[index] for index in order], "images of X in another order")


def _check_n_jobs(subject):
    """n_jobs changes nothing."""
    expected = subject.answer(subject.fit(subject.images, n_jobs=None), subject.images)
    for n_jobs in (1, 2, -1):
        answer = subject.answer(subject.fit(subject.images, n_jobs=n_jobs), subject.images)
        subject.assert_same(answer, expected, f"n_jobs={n_jobs}")


def _check_unfitted(subject):
    """An estimator that must be fitted says so before fit."""
    try:
        subject.answer(clone(subject.estimator), subject.images)
    except NotFittedError:
        return
    raise AssertionError(f"{subject.name}: transform or predict before fit must raise NotFittedError.")


def _check_copies(subject):
    """A clone, a deep copy, and what comes out of pickle and joblib give what the original gives."""
    fitted = subject.fit(subject.images)
    expected = subject.answer(fitted, subject.images)
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    for what, twin in (
        ("a clone, fitted", clone(fitted).fit(subject.images, np.arange(_N_IMAGES) % 2)),
        ("a deep copy", copy.deepcopy(fitted)),
        ("pickled and loaded", pickle.loads(pickle.dumps(fitted))),
        ("dumped and loaded by joblib", joblib.load(buffer)),
    ):
        subject.assert_same(subject.answer(twin, subject.images), expected, what)


def _check_output(subject):
    """One answer an image; rows are finite float32, or of the type that the tag preserves_dtype says."""
    preserved = get_tags(subject.estimator).transformer_tags.preserves_dtype
    for dtype in (np.uint8, np.float32, np.float64):
        X = subject.images.astype(dtype)
        answer = subject.fit(X).transform(X)
        _assert(len(answer) == len(X), f"{subject.name}: {len(answer)} answers for {len(X)} images.")
        if not _are_rows(answer):
            continue
        _assert(np.isfinite(answer).all(), f"{subject.name}: the rows hold NaN or infinities.")
        if np.dtype(dtype).name in preserved or not preserved:
            wanted = np.dtype(dtype if preserved else np.float32)
            _assert(answer.dtype == wanted, f"{subject.name}: {X.dtype} images give {answer.dtype}, not {wanted} rows.")
    answers = subject.fit(X).transform(X), clone(subject.estimator).fit_transform(X, np.arange(len(X)) % 2)
    subject.assert_same(answers[1], answers[0], "fit_transform")


def _are_rows(answer):
    return isinstance(answer, np.ndarray) and answer.ndim == 2


def _check_names(subject):
    """Each column of rows has a name of its own."""
    fitted = subject.fit(subject.images)
    answer = fitted.transform(subject.images)
    if not _are_rows(answer):
        return
    _assert(hasattr(fitted, "get_feature_names_out"), f"{subject.name}: rows need get_feature_names_out.")
    names = fitted.get_feature_names_out()
    _assert(len(names) == answer.shape[1], f"{subject.name}: {len(names)} column names for {answer.shape[1]} columns.")
    _assert(len(set(names)) == len(names), f"{subject.name}: column names appear twice.")
    _assert(all(isinstance(name, str) for name in names), f"{subject.name}: column names must be str.")


def _check_set_output(subject):
    """set_output makes data frames of rows, and leaves images and lists alone."""
    images = subject.images
    expected = subject.fit(images).transform(images)
    _assert(hasattr(subject.estimator, "set_output"), f"{subject.name}: there is no set_output, which pipelines call.")
    for container in filter(find_spec, _CONTAINERS):
        fitted = subject.fit(images)
        _assert(fitted.set_output(transform=container) is fitted, f"{subject.name}: set_output must return self.")
        answer = fitted.transform(images)
        if _are_rows(expected):
            is_frame = type(answer).__module__.partition(".")[0] == container
            named = is_frame and list(answer.columns) == list(fitted.get_feature_names_out())
            _assert(named, f"{subject.name}: set_output gives no {container} frame with the column names.")
            answer = answer.to_numpy()
        subject.assert_same(answer, expected, f"set_output(transform={container!r})")


def _applicable_checks(estimator, *, scales_dtypes, any_shape):
    """Yield the checks that the estimator's tags, methods and parameters call for."""
    tags, parameters = get_tags(estimator), estimator.get_params(deep=False)
    if hasattr(estimator, "transform"):
        yield from (_check_output, _check_names, _check_set_output)
    yield from (_check_layouts, _check_lists, _check_dimensions, _check_empty, _check_batches)
    yield from (_check_input_kept, _check_attributes_kept, _check_refit, _check_copies)
    yield _check_any_shape if any_shape else _check_fixed_shape
    if tags.requires_fit:
        yield _check_unfitted
    if scales_dtypes:
        yield _check_dtypes
    if not tags.input_tags.allow_nan:
        yield _check_non_finite
    if tags.input_tags.positive_only:
        yield _check_negative
    if "image_shape" in parameters and tags.input_tags.two_d_array:
        yield _check_rows
    if "n_jobs" in parameters:
        yield _check_n_jobs


def check_image_estimator(estimator, *, image_shape=(16, 20), scales_dtypes=True, any_shape=False, atol=0.0):
    """Check that an estimator treats images as this package promises.

    Complements :func:`sklearn.utils.estimator_checks.check_estimator`, which shows estimators rows only.

    Parameters
    ----------
    estimator : estimator object
        Takes images of ``image_shape`` at ``fit`` and at ``transform`` (or ``predict``, where there is no
        ``transform``), and gives rows, images, a list of arrays, or labels. Not changed: clones of it are fitted. Its
        parameters ``image_shape``, ``n_jobs`` and ``random_state``, where it has them, are set by the checks.
    image_shape : tuple (rows, cols) or (rows, cols, channels), default=(16, 20)
        Shape of the uint8 images to check with. Rows and columns must differ, and the estimator must take them
        exchanged, too.
    scales_dtypes : bool, default=True
        Whether uint8, uint16 and bool images count as their values divided by the full scale of their type, so that
        they give what float images in [0, 1] give: rows within 1e-5, images within one level of their type. False
        leaves that check out.
    any_shape : bool, default=False
        Whether ``transform`` takes images of other shapes than at ``fit``, and lists of different shapes, as
        :class:`~skimgfeat.Resize` does. False expects a ValueError there.
    atol : float, default=0.0
        How far values may differ between layouts, batches, threads and copies. 0 asks for the same bits.

    Returns
    -------
    checks : list of str
        Names of the checks that ran, all of which passed.

    Raises
    ------
    AssertionError
        For the first check that fails; the message says what the estimator did. An exception that the estimator
        raises where it should not passes through.
    TypeError, ValueError
        For a class instead of an estimator, an estimator that neither transforms nor predicts or whose tag
        ``input_tags.three_d_array`` says that it takes no images, or another parameter that cannot be used.

    See Also
    --------
    sklearn.utils.estimator_checks.parametrize_with_checks : scikit-learn's own checks as pytest tests.

    Notes
    -----
    The checks, by name:

    - layouts, lists, rows: read-only, Fortran-ordered, strided, reversed and memory-mapped arrays, lists, tuples and
      object arrays of equal images, and rows with the parameter ``image_shape`` give what a contiguous array gives.
    - dtypes: see ``scales_dtypes``.
    - dimensions, empty, fixed_shape (or any_shape), non_finite, negative, unfitted: what cannot be used raises
      ValueError, NaN and infinities unless the tag ``allow_nan`` is set, negative values where ``positive_only`` is.
    - batches, n_jobs: an answer depends neither on the images beside it nor on the number of threads.
    - input_kept, attributes_kept, refit, copies: X, parameters and fitted attributes stay as they are; a second
      ``fit`` forgets the first; clones, deep copies and pickles give what the original gives.
    - output, names, set_output: rows are float32 (or of the input's type, as the tag ``preserves_dtype`` says) with a
      name for each column, as an array and as pandas and polars frames where these are installed.

    Examples
    --------
    >>> from skimgfeat import HOG, check_image_estimator
    >>> checks = check_image_estimator(HOG(pixels_per_cell=(4, 4)))
    >>> "layouts" in checks, "negative" in checks
    (True, False)
    """
    owner = "check_image_estimator"
    if isinstance(estimator, type) or not isinstance(estimator, BaseEstimator):
        raise TypeError(f"{owner}: estimator must be an estimator object, such as HOG(), got {estimator!r}.")
    if not (hasattr(estimator, "transform") or hasattr(estimator, "predict")):
        raise TypeError(f"{owner}: {type(estimator).__name__} has neither transform nor predict.")
    if not get_tags(estimator).input_tags.three_d_array:
        raise ValueError(f"{owner}: {type(estimator).__name__} takes no images: its input_tags.three_d_array is False.")
    image_shape = check_image_shape(owner, image_shape)
    if image_shape is None or -1 in image_shape or image_shape[0] == image_shape[1]:
        raise ValueError(f"{owner}: image_shape must hold rows and columns that differ, got {image_shape!r}.")
    scales_dtypes = check_flag(owner, "scales_dtypes", scales_dtypes)
    any_shape = check_flag(owner, "any_shape", any_shape)
    atol = check_number(owner, "atol", atol)
    subject = _Subject(_plain_clone(estimator), image_shape, atol)
    checks = list(_applicable_checks(estimator, scales_dtypes=scales_dtypes, any_shape=any_shape))
    for check in checks:
        check(subject)
    return [check.__name__.removeprefix("_check_") for check in checks]
