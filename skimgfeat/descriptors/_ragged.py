"""What descriptors are: a list of (k_i, d) arrays, one an image, empty ones included.

With geometry, an image is a structured array of shape (k_i,) instead: the field ``descriptor`` holds the d numbers,
beside it stand ``x``, ``y``, ``size``, ``angle`` and ``response``, float32, x and y divided by the image's width and
height.
"""

from collections.abc import Sequence

import numpy as np

# Of a lazy sequence, what is held at a time: so many images at first, then as many as have so many bytes.
_FIRST_IMAGES = 16
_CHUNK_BYTES = 4 << 20

GEOMETRY = ("x", "y", "size", "angle", "response")


def geometry_dtype(dtype, n_columns):
    """Return the type of structured descriptors of ``n_columns`` numbers of type ``dtype``."""
    return np.dtype([("descriptor", dtype, (n_columns,)), *((name, np.float32) for name in GEOMETRY)])


def is_lazy(X):
    """Tell whether X makes its arrays when it is sliced."""
    return isinstance(X, Sequence) and not isinstance(X, (list, tuple, str, bytes)) and len(X) > 0


def iter_chunks(owner, X, *, n_columns=None, start=0):
    """Yield the descriptors of some images at a time, from place ``start`` on, as :func:`check_descriptors` does.

    X is what that function takes, which is one chunk, or a lazy sequence (of ``collections.abc.Sequence``) that makes
    its arrays when it is sliced: a store larger than memory, which one chunk after another is read from.
    """
    if not is_lazy(X):
        if start == 0 or start < len(X):
            yield check_descriptors(owner, X[start:] if start else X, n_columns=n_columns, start=start)
        return
    size = _FIRST_IMAGES
    while start < len(X):
        images = check_descriptors(owner, list(X[start : start + size]), n_columns=n_columns, start=start)
        n_columns = descriptors_of(images[0]).shape[1]
        start += len(images)
        n_bytes = sum(image.nbytes for image in images)
        size = max(1, min(2 * size, _CHUNK_BYTES * len(images) // max(1, n_bytes)))
        yield images
        del images  # while the next are read


def check_descriptors(owner, X, *, n_columns=None, start=0):
    """Validate descriptors and return them as a list of arrays.

    Parameters
    ----------
    owner : str
        The estimator's name, for messages.
    X : list, tuple or object array of arrays, or ndarray of shape (n_images, k, d)
        One array an image: numbers of shape (k_i, d), finite, or structured arrays of shape (k_i,) with geometry; k_i
        may be 0. Images with geometry and without do not mix.
    n_columns : int or None, default=None
        The d that is expected; None takes that of the first image.
    start : int, default=0
        What the first image counts as in messages.

    Returns
    -------
    images : list of ndarray
        The arrays as they are, not copied; :func:`descriptors_of` gives the (k_i, d) numbers of each.

    Raises
    ------
    TypeError
        For an X or an image of another kind.
    ValueError
        For an X without images, images of other shapes, fields or numbers of columns, NaN and infinities.
    """
    images = [_check_image(owner, index, image) for index, image in enumerate(_as_list(owner, X), start)]
    expected = descriptors_of(images[0]).shape[1] if n_columns is None else n_columns
    for index, image in enumerate(images, start):
        found = descriptors_of(image).shape[1]
        if found != expected:
            what = f"image {start} has" if n_columns is None else f"{owner} was fitted on"
            raise ValueError(f"{owner}: image {index} of X has descriptors of {found} numbers, but {what} {expected}.")
        if has_geometry(image) != has_geometry(images[0]):
            raise ValueError(
                f"{owner}: image {index} of X {_with(image)} geometry, but image {start} {_with(images[0])}; "
                "compute them all with the same setting of SIFT(geometry=...)."
            )
    return images


class Images:
    """Checked descriptors of images, to go over more than once.

    Those of a lazy sequence are read again each time, chunk by chunk, and not kept.

    Parameters
    ----------
    owner : str
        The estimator's name, for messages.
    X : list or lazy sequence
        As for :func:`iter_chunks`.
    n_columns : int or None, default=None
        The d that is expected; None takes that of the first image.
    """

    def __init__(self, owner, X, *, n_columns=None):
        self._owner, self._n_columns = owner, n_columns
        self._X = X if is_lazy(X) else check_descriptors(owner, X, n_columns=n_columns)

    def __len__(self):
        return len(self._X)

    def __iter__(self):
        for _, images in self.chunks():
            yield from images

    def chunks(self):
        """Yield (start, images) until there are no more."""
        start = 0
        if not is_lazy(self._X):
            yield start, self._X
            return
        for images in iter_chunks(self._owner, self._X, n_columns=self._n_columns):
            yield start, images
            start += len(images)
            del images


class _Failed(np.ndarray):
    """No descriptors, of an image that could not be had: its row is NaN, where that of a blank image is zeros."""


def as_failed(descriptors):
    """Return an empty array of descriptors that says that its image could not be had."""
    return descriptors.view(_Failed)


def has_failed(image):
    """Tell whether these descriptors are those of an image that could not be had."""
    return isinstance(image, _Failed)


def has_geometry(image):
    """Tell whether one image's descriptors are a structured array with keypoint geometry."""
    return image.dtype.names is not None


def descriptors_of(image):
    """Return the (k, d) numbers of one image's descriptors, a view."""
    return image["descriptor"] if has_geometry(image) else image


def with_descriptors(image, descriptors):
    """Return other descriptors for the keypoints of ``image``: with its geometry where it has any."""
    if not has_geometry(image):
        return descriptors
    out = np.empty(len(image), dtype=geometry_dtype(descriptors.dtype, descriptors.shape[1]))
    out["descriptor"] = descriptors
    for name in GEOMETRY:
        out[name] = image[name]
    return out


def _as_list(owner, X):
    is_sequence = isinstance(X, (list, tuple)) or (
        isinstance(X, np.ndarray) and (X.ndim == 3 or (X.ndim == 1 and X.dtype == object))
    )
    if not is_sequence:
        got = f"an array of shape {X.shape}" if hasattr(X, "shape") else type(X).__name__
        error = ValueError if isinstance(X, np.ndarray) else TypeError
        raise error(
            f"{owner}: X must be a list of arrays of shape (n_descriptors, n_columns), one an image, got {got}. "
            "Reshape your data; the descriptors of a single image go in as [descriptors]."
        )
    if len(X) == 0:
        raise ValueError(f"{owner}: X holds no images; found 0 sample(s) while a minimum of 1 is required.")
    return list(X)


def _check_image(owner, index, image):
    """Return one image's descriptors, or say what is wrong with them."""
    if not isinstance(image, np.ndarray):
        hint = " An image without keypoints is an empty array of shape (0, n_columns)." if image is None else ""
        raise TypeError(
            f"{owner}: image {index} of X must be an array of descriptors, got {type(image).__name__}.{hint}"
        )
    if has_geometry(image):
        missing = [name for name in ("descriptor", *GEOMETRY) if name not in image.dtype.names]
        if missing:
            raise ValueError(
                f"{owner}: image {index} of X is a structured array without the fields {missing}; "
                f"SIFT(geometry=True) makes {['descriptor', *GEOMETRY]}."
            )
    descriptors = descriptors_of(image)
    if descriptors.dtype.kind not in "uif":
        raise TypeError(f"{owner}: image {index} of X must hold real numbers, got dtype {descriptors.dtype}.")
    if descriptors.ndim != 2 or descriptors.shape[1] == 0:
        raise ValueError(
            f"{owner}: image {index} of X has descriptors of shape {descriptors.shape}; "
            "expected (n_descriptors, n_columns), and (0, n_columns) where there are no keypoints."
        )
    for values in (descriptors, *(image[name] for name in GEOMETRY if has_geometry(image))):
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"{owner}: image {index} of X contains NaN or infinity; leave such descriptors out.")
    return image


def _with(image):
    return "has" if has_geometry(image) else "has no"
