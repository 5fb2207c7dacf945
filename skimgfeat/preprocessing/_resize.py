"""Images of any size to images of one size."""

import math
from functools import lru_cache, partial

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from skimgfeat._base import ImageMap
from skimgfeat._images import check_images_of_any_size, resolve_shape
from skimgfeat._parallel import run_batches
from skimgfeat._validation import check_choice, check_flag, check_n_jobs, check_pair
from skimgfeat.io import ImageCollection

_METHODS = ("auto", "exact", "fast")
# Gaussians end at this many standard deviations, as in scipy.ndimage.
_TRUNCATE = 4.0
# The part of an image that is held in floating point at a time stays near the size of a core's second-level cache.
_SLAB_BYTES = 1 << 21
# cv2 resizes and transposes images of up to this many channels.
_CV2_CHANNELS = 4
_CV2_TYPES = tuple(map(np.dtype, ("uint8", "uint16", "int16", "float32", "float64")))


@lru_cache(maxsize=256)
def _exact_matrix(n_in, n_out):
    """Return the (n_out, n_in) sparse matrix that resamples one axis as skimage.transform.resize does.

    A Gaussian of standard deviation (n_in / n_out - 1) / 2 where the axis shrinks, then linear interpolation between
    pixel centers, both mirrored about the centers of the border pixels.
    """
    factor = n_in / n_out
    centers = (np.arange(n_out) + 0.5) * factor - 0.5
    left = np.floor(centers).astype(int)
    right_weight = centers - left
    sigma = max(0.0, (factor - 1) / 2)
    radius = int(_TRUNCATE * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    gaussian = np.exp(-0.5 * (offsets / sigma) ** 2) if radius else np.ones(1)
    gaussian /= gaussian.sum()
    weights = np.outer(1 - right_weight, np.append(gaussian, 0)) + np.outer(right_weight, np.append(0, gaussian))
    sources = left[:, None] + np.arange(-radius, radius + 2)
    last = n_in - 1
    sources = last - np.abs(last - sources % max(1, 2 * last))
    targets = np.repeat(np.arange(n_out), sources.shape[1])
    matrix = sparse.csr_array((weights.ravel(), (targets, sources.ravel())), shape=(n_out, n_in))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


@lru_cache(maxsize=256)
def _area_matrix(n_in, n_out):
    """Return the (n_out, n_in) sparse matrix that averages what each pixel of a shorter axis covers of a longer one."""
    # In parts of a pixel, n_out of them to one, all ends are integers.
    starts = np.arange(n_out)[:, None] * n_in
    sources = starts // n_out + np.arange(-(-n_in // n_out) + 1)
    covered = np.minimum((sources + 1) * n_out, starts + n_in) - np.maximum(sources * n_out, starts)
    targets, reached = np.nonzero(covered > 0)
    weights = covered[targets, reached] / n_in
    return sparse.csr_array((weights, (targets, sources[targets, reached])), shape=(n_out, n_in))


@lru_cache(maxsize=256)
def _bands(make_matrix, n_in, n_out, n_rows, dtype):
    """Cut a matrix into bands of n_rows rows: (slice of outputs, slice of inputs that matter, their weights)."""
    matrix = make_matrix(n_in, n_out).astype(dtype)
    bands = []
    for start in range(0, n_out, n_rows):
        band = matrix[start : start + n_rows]
        inputs = slice(int(band.indices.min()), int(band.indices.max()) + 1)
        bands.append((slice(start, start + band.shape[0]), inputs, band[:, inputs]))
    return bands


def _to_floats(images, **layout):
    """Copy images as float32 where that holds their values to a fraction of a level, else as float64."""
    dtype = images.dtype
    narrow = (dtype.kind in "bui" and dtype.itemsize <= 2) or dtype == np.float16
    floats = images.astype(np.float32 if narrow else np.float64, **layout)
    if dtype.kind in "iu" and dtype.itemsize == 8 and np.abs(floats).max() >= 2**53:
        raise ValueError("Resize: X holds integers of 2**53 or more, which float64 rounds: divide them first.")
    return floats


def _store(values, out):
    """Write values into out, floats rounded where out holds integers or truth values."""
    out[...] = np.rint(values) if values.dtype.kind == "f" and out.dtype.kind != "f" else values


def _swap_sides(slab):
    """Return a contiguous array of shape (cols, n, rows, channels) for one of shape (rows, n, cols, channels)."""
    n_channels = slab.shape[3]
    if not 1 < n_channels <= _CV2_CHANNELS:
        return np.ascontiguousarray(slab.swapaxes(0, 2))
    import cv2

    # numpy copies pixels of several channels one number at a time, which takes as long as the products.
    swapped = np.empty((slab.shape[2], slab.shape[1], slab.shape[0], n_channels), slab.dtype)
    for index in range(slab.shape[1]):
        swapped[:, index] = cv2.transpose(slab[:, index])
    return swapped


def _resize_by_matrices(images, out, make_matrix):
    """Fill out, (n, rows, cols[, channels]), by two matrix products an image: down its columns, then along its rows.

    The matrices are sparse, so the order in which a pixel's terms are summed is fixed: no value depends on the batch,
    the number of threads or the linear algebra library.
    """
    n, rows_in, cols_in = images.shape[:3]
    rows_out, cols_out = out.shape[1:3]
    n_channels = math.prod(images.shape[3:])
    dtype = _to_floats(images[:1, :1]).dtype
    bytes_per_row = n * cols_in * n_channels * dtype.itemsize * max(1, rows_in / rows_out)
    n_rows = 1 << max(2, int(_SLAB_BYTES / bytes_per_row).bit_length() - 1)
    ((_, cols, along_rows),) = _bands(make_matrix, cols_in, cols_out, cols_out, dtype)
    for rows, inputs, down_columns in _bands(make_matrix, rows_in, rows_out, n_rows, dtype):
        slab = _to_floats(images[:, inputs, cols].swapaxes(0, 1), order="C")
        slab = down_columns @ slab.reshape(slab.shape[0], -1)
        slab = _swap_sides(slab.reshape(slab.shape[0], n, -1, n_channels))
        slab = along_rows @ slab.reshape(slab.shape[0], -1)
        slab = _swap_sides(slab.reshape(cols_out, n, -1, n_channels)).swapaxes(0, 1)
        _store(slab.reshape(n, -1, *out.shape[2:]), out[:, rows])
    if images.dtype.kind == "f":
        axes = tuple(range(1, images.ndim))
        np.clip(out, images.min(axes, keepdims=True), images.max(axes, keepdims=True), out=out)


def _resize_fast(images, out):
    """Fill out by averages over areas along the sides that shrink, then by cv2.resize along those that grow."""
    shrunk = tuple(map(min, images.shape[1:3], out.shape[1:3]))
    if shrunk == out.shape[1:3]:
        _resize_by_matrices(images, out, _area_matrix)
        return
    if shrunk != images.shape[1:3]:
        between = np.empty((len(images), *shrunk, *images.shape[3:]), images.dtype)
        _resize_by_matrices(images, between, _area_matrix)
        images = between
    for image, target in zip(images, out, strict=True):
        _grow(image, target)


def _grow(image, target):
    """Fill target by cv2.resize, linearly."""
    import cv2

    rows, cols = target.shape[:2]
    n_channels = math.prod(image.shape[2:])
    is_foreign = image.dtype not in _CV2_TYPES
    pixels = (_to_floats(image) if is_foreign else image).reshape(*image.shape[:2], n_channels)
    target = target.reshape(rows, cols, n_channels)
    for start in range(0, n_channels, _CV2_CHANNELS):
        group = slice(start, start + _CV2_CHANNELS)
        grown = cv2.resize(np.ascontiguousarray(pixels[..., group]), (cols, rows), interpolation=cv2.INTER_LINEAR)
        if is_foreign:
            # cv2's weights are float32: their sum can pass 1, and so a value its type's limits.
            np.clip(grown, pixels.min(), pixels.max(), out=grown)
        _store(grown.reshape(rows, cols, -1), target[..., group])


def _resample(images, out, method, keep_aspect):
    """Fill out, (n, rows, cols[, channels]), with images of one shape brought to its size."""
    rows_in, cols_in = images.shape[1:3]
    if keep_aspect:
        out[...] = 0
        out = out[:, *_centered(rows_in, cols_in, *out.shape[1:3])]
    rows_out, cols_out = out.shape[1:3]
    if method == "auto":
        method = "fast" if rows_in >= 2 * rows_out and cols_in >= 2 * cols_out else "exact"
    if (rows_in, cols_in) == (rows_out, cols_out):
        out[...] = images
    elif method == "fast":
        _resize_fast(images, out)
    else:
        _resize_by_matrices(images, out, _exact_matrix)


def _centered(rows_in, cols_in, rows, cols):
    """Return the slices of a rows x cols frame that the scaled image fills, its proportions kept."""
    # The side that fills its length exactly is found in integers; the other is rounded, and no side vanishes.
    rows_fill = rows_in * cols >= cols_in * rows
    height = rows if rows_fill else max(1, (2 * rows_in * cols + cols_in) // (2 * cols_in))
    width = max(1, (2 * cols_in * rows + rows_in) // (2 * rows_in)) if rows_fill else cols
    top, left = (rows - height) // 2, (cols - width) // 2
    return slice(top, top + height), slice(left, left + width)


def _resize_one(image, size, method, keep_aspect, image_shape):
    """Return one image brought to a size; what a collection keeps to apply later."""
    resolve_shape("Resize", image_shape, image.shape)
    out = np.empty((1, *size, *image.shape[2:]), image.dtype)
    _resample(image[None], out, method, keep_aspect)
    return out[0]


class Resize(ImageMap):
    """Bring images to one size.

    Gray and color images of any real type; the type stays, integers are rounded to nearest.

    Parameters
    ----------
    size : tuple of int
        The (rows, cols) of the output, in pixels.
    method : {"auto", "exact", "fast"}, default="auto"
        How pixels are computed, decided for each image size:

        - "exact": what ``skimage.transform.resize(image, size, order=1, mode="reflect", anti_aliasing=True,
          preserve_range=True)`` defines: along a side that shrinks by a factor f, a Gaussian of standard deviation
          (f - 1) / 2 against aliasing, then linear interpolation.
        - "fast": along sides that shrink, the mean of the area that a pixel of the output covers, as ``cv2.resize``
          with ``INTER_AREA``; then along sides that grow ``cv2.resize`` with ``INTER_LINEAR``.
        - "auto": "fast" where both sides shrink by 2 or more, else "exact".
    keep_aspect : bool, default=False
        Whether to scale an image only as far as it fits into ``size``, center it there, and fill the rest with 0.
        Where the margins differ by a pixel, the larger is at the bottom or right.
    image_shape : tuple of int or None, default=None
        The (rows, cols) or (rows, cols, channels) that rows given as X stand for; one side may be -1, as in numpy's
        ``reshape``. Images given as images must have this shape where it is not None.
    n_jobs : int or None, default=None
        Number of threads. None is 1 unless a ``joblib.parallel_config`` says otherwise; -1 is every processor. The
        result does not depend on it.

    Attributes
    ----------
    image_shape_ : tuple of int or None
        Shape of the images seen at ``fit``; None where their shapes differed.
    n_features_in_ : int
        rows x cols x channels of the images seen at ``fit``; missing where their shapes differed.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of the data frame seen at ``fit``, where X was one.

    See Also
    --------
    Flatten : Lay images out as rows of pixels.

    Notes
    -----
    Any size is welcome at ``transform``, whatever was seen at ``fit``: the output has one shape all the same. What
    must agree with ``fit`` is the number of channels, and the width of rows.

    "exact" gives scikit-image's numbers [1]_ to about 1e-7 of the range for floats, within 1 level for integers
    (scikit-image returns them unrounded). Deviations from it: the type is kept (float16, float32 and float64 are
    rounded to, integers to the nearest, halves to even), and truth values are resized as 0 and 1 (scikit-image refuses
    to smooth them), True where the result is more than 1/2. Integers of 2**53 or more are an error.

    "fast" gives the means of areas rounded to the nearest, which cv2's own differ from by a level at times, and cv2's
    numbers where all sides grow. Types that cv2 does not take are computed in floating point and rounded. Photos
    shrunk to 128 x 128 pixels by "fast" differ from "exact" by 1 to 3 levels of 255 in the mean, more on edges.

    References
    ----------
    .. [1] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2:e453, 2014,
       :doi:`10.7717/peerj.453`.

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import Resize
    >>> images = np.zeros((5, 28, 28), dtype=np.uint8)
    >>> Resize((32, 32)).fit_transform(images).shape
    (5, 32, 32)

    Images of different sizes, their proportions kept:

    >>> images = [np.full((40, 20), 9, dtype=np.uint8), np.full((10, 30), 9, dtype=np.uint8)]
    >>> small = Resize((4, 4), keep_aspect=True).fit_transform(images)
    >>> small[0]
    array([[0, 9, 9, 0],
           [0, 9, 9, 0],
           [0, 9, 9, 0],
           [0, 9, 9, 0]], dtype=uint8)
    """

    def __init__(self, size, method="auto", keep_aspect=False, image_shape=None, n_jobs=None):
        self.size = size
        self.method = method
        self.keep_aspect = keep_aspect
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the parameters and learn the number of channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images, or rows laid out by ``image_shape``; a list or object array of images of any sizes that share
            their type and number of channels; or an :class:`ImageCollection`, of which nothing is decoded.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : Resize
            The fitted step.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        """
        owner = type(self).__name__
        check_pair(owner, "size", self.size)
        check_choice(owner, "method", self.method, _METHODS)
        check_flag(owner, "keep_aspect", self.keep_aspect)
        check_n_jobs(owner, self.n_jobs)
        check_images_of_any_size(self, X, reset=True)
        return self

    def transform(self, X):
        """Bring each image to ``size``.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images of any size with as many channels as at ``fit``; rows of the width seen at ``fit``; or a list or
            object array of images as at ``fit``; or an :class:`ImageCollection`.

        Returns
        -------
        images : ndarray of shape (n_samples, size[0], size[1]) or (n_samples, size[0], size[1], channels)
            The images, of the dtype of X, in the order of X; images also where X holds rows. Of a collection, a
            collection, which decodes and resizes an image when it is asked for.

        Raises
        ------
        TypeError
            For images in a list that do not hold real numbers.
        ValueError
            For another number of channels or width of rows than at ``fit``, images in a list that differ in type or
            channels, an empty X, NaN or infinities.
        """
        check_is_fitted(self)
        images = check_images_of_any_size(self, X, reset=False)
        if isinstance(images, ImageCollection):
            resize = partial(
                _resize_one,
                size=tuple(self.size),
                method=self.method,
                keep_aspect=self.keep_aspect,
                image_shape=self.image_shape,
            )
            return images.map(resize, image_shape=(*self.size, *images.channels))
        dtype = images[0].dtype.newbyteorder("=")
        out = np.empty((len(images), *self.size, *self._channels), dtype=dtype)
        n_values = sum(image.size for image in images) if isinstance(images, list) else images.size
        run_batches(
            lambda batch: self._fill(images[batch], out[batch]),
            len(images),
            # Held as float32 or float64 while they are computed.
            bytes_per_item=(n_values // len(images) + out[0].size) * max(4, dtype.itemsize),
            n_jobs=self.n_jobs,
        )
        return out

    def _fill(self, images, out):
        if isinstance(images, np.ndarray):
            _resample(images, out, self.method, self.keep_aspect)
            return
        indices_by_shape: dict[tuple, list[int]] = {}
        for index, image in enumerate(images):
            indices_by_shape.setdefault(image.shape, []).append(index)
        for indices in indices_by_shape.values():
            resized = np.empty((len(indices), *out.shape[1:]), dtype=out.dtype)
            _resample(np.stack([images[index] for index in indices]), resized, self.method, self.keep_aspect)
            out[indices] = resized

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
