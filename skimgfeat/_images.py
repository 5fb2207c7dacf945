"""What X may be: images, or rows that ``image_shape`` lays out as images.

The only caller of ``validate_data`` for images. Images are flattened to rows for it and shaped back, so that
``n_features_in_`` is rows x cols x channels and scikit-learn's own checks (NaN, sparse, dtype, names, empty) hold.
"""

import math

import numpy as np
from sklearn.base import clone
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from skimgfeat._parallel import iter_batches
from skimgfeat._validation import check_image_shape
from skimgfeat.io import ImageCollection, ImageError

# What an integer type's full scale is; every other type is taken as it is, [0, 1] by convention.
_FULL_SCALE = {np.dtype(bool): 1.0, np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


def check_images(estimator, X, *, reset, allow_negative=True):
    """Validate X and return it as an array of images.

    Parameters
    ----------
    estimator : estimator with the parameter ``image_shape``
        ``reset=True`` sets its ``n_features_in_``, ``feature_names_in_`` (data frames) and ``image_shape_``;
        ``reset=False`` compares with them.
    X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
        A list of images of one shape counts as an array. Numbers only, finite. Of an ``ImageCollection``, one image.
    reset : bool
        Whether this is ``fit``.
    allow_negative : bool, default=True
        Whether negative values are an error.

    Returns
    -------
    images : ndarray of shape (n_samples, rows, cols) or (n_samples, rows, cols, channels)
        A view of X where its layout allows one: read-only, strided and memory-mapped arrays are not copied.
    """
    owner = type(estimator).__name__
    wanted = check_image_shape(owner, estimator.image_shape)
    X = _look(owner, X) if isinstance(X, ImageCollection) else _stack_images(owner, X)
    if n_dimensions(X) > 2 and not hasattr(X, "toarray"):
        X = np.asarray(X)
        if X.ndim > 4:
            raise ValueError(
                f"{owner}: X must be images of shape (n_samples, rows, cols[, channels]) "
                f"or rows with image_shape, got an array of shape {X.shape}."
            )
        shape = resolve_shape(owner, wanted, X.shape[1:])
        _check_same_shape(estimator, shape, reset)
        images = _validate_arrays(estimator, X, reset).reshape(len(X), *shape)
    else:
        rows = validate_data(estimator, X, reset=reset, dtype="numeric")
        shape = _shape_of_rows(estimator, wanted, rows.shape[1], reset)
        _check_same_shape(estimator, shape, reset)
        images = rows.reshape(len(rows), *shape)
    if images.dtype.kind not in "buif":
        raise TypeError(f"{owner}: X must hold real numbers, got dtype {images.dtype}.")
    if not allow_negative:
        check_non_negative(owner, images)
    if reset:
        estimator.image_shape_ = shape
    return images


def check_images_of_any_size(estimator, X, *, reset):
    """Validate X, images that need not share their size, for an estimator that makes one size of them.

    Parameters
    ----------
    estimator : estimator with the parameter ``image_shape``
        ``reset=True`` sets its ``image_shape_``, None where the images differ or nobody knows, and then without
        ``n_features_in_``; ``reset=False`` compares the number of channels, and the width of rows.
    X : array-like as for :func:`check_images`, list of images, or ImageCollection
        Images in a list share their type and number of channels. Of a collection, nothing is decoded.
    reset : bool
        Whether this is ``fit``.

    Returns
    -------
    images : ndarray of shape (n_samples, rows, cols[, channels]), list of ndarray, or ImageCollection
    """
    owner = type(estimator).__name__
    if isinstance(X, ImageCollection):
        check_image_shape(owner, estimator.image_shape)
        images, channels, shapes = X, X.channels, set()
    elif is_list_of_images(X):
        images = _check_list(owner, X, check_image_shape(owner, estimator.image_shape))
        channels, shapes = images[0].shape[2:], {image.shape for image in images}
    else:
        # Compared with what fit saw in its width only where X is rows, since any size will do.
        compare = n_dimensions(X) == 2 and not reset and estimator.image_shape_ is not None
        images = check_images(estimator if reset or compare else clone(estimator), X, reset=not compare)
        channels, shapes = images.shape[3:], None
    if not reset:
        _check_same_channels(estimator, channels)
        return images
    estimator._channels = channels
    if shapes is not None:
        for name in ("n_features_in_", "feature_names_in_"):
            estimator.__dict__.pop(name, None)
        estimator.image_shape_ = None
        if len(shapes) == 1:
            (estimator.image_shape_,) = shapes
            estimator.n_features_in_ = math.prod(estimator.image_shape_)
    return images


def is_list_of_images(X):
    """Tell whether X is a list, tuple or object array of images, which may differ in shape."""
    is_list = isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    return is_list and len(X) > 0 and np.ndim(X[0]) > 1


def n_dimensions(X):
    """Return the number of dimensions of anything that becomes an array."""
    return X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim


def scaled_batch(batch):
    """Return a batch as the kernels take it, and the value that counts as 1.

    Parameters
    ----------
    batch : ndarray of numbers
        Images of any layout and type.

    Returns
    -------
    batch : C-contiguous ndarray of dtype uint8, uint16, float32 or float64
        In the machine's byte order. float16 becomes float32; integers other than uint8, uint16 and bool become
        float64, as they are.
    scale : float
        255 for uint8, 65535 for uint16, otherwise 1.
    """
    batch = batch.astype(batch.dtype.newbyteorder("="), copy=False)
    scale = _FULL_SCALE.get(batch.dtype, 1.0)
    if batch.dtype == bool:
        batch = batch.view(np.uint8)
    elif batch.dtype == np.float16:
        batch = batch.astype(np.float32)
    elif batch.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        batch = batch.astype(np.float64)
    return np.ascontiguousarray(batch), scale


def _look(owner, collection):
    """Return one image of a collection, in an array of one: what ``fit`` learns the shape and type from.

    Nothing is decoded where the collection knows the shape of its images.
    """
    if collection.image_shape is not None:
        return np.zeros((1, *collection.image_shape), collection.dtype)
    error = "it is empty"
    for index in range(len(collection)):
        item = collection.read_or_error(index)
        if not isinstance(item, ImageError):
            return item[None]
        error = f"the last one: {item}"
    raise ValueError(f"{owner}: X is a collection without a single image that can be read; {error}.")


def _stack_images(owner, X):
    """Make one array of a list (or object array) of images; leave everything else alone."""
    if not is_list_of_images(X):
        return X
    shapes = {np.shape(image) for image in X}
    if len(shapes) > 1:
        examples = ", ".join(map(str, sorted(shapes)[:3]))
        raise ValueError(
            f"{owner}: X holds images of {len(shapes)} different shapes ({examples}); "
            "bring them to one size first, for instance with Resize."
        )
    images = [np.asarray(image) for image in X]
    for index, image in enumerate(images):
        # Stacked together, integers would silently lose their scale beside floats.
        if image.dtype != images[0].dtype:
            raise ValueError(
                f"{owner}: image {index} of X has dtype {image.dtype}, but image 0 has {images[0].dtype}; "
                "convert them to one type."
            )
    return np.stack(images)


def resolve_shape(owner, wanted, shape):
    """Compare the shape of images with the parameter image_shape, where -1 stands for any side."""
    if wanted is not None and (
        len(wanted) != len(shape) or any(a not in (-1, b) for a, b in zip(wanted, shape, strict=True))
    ):
        raise ValueError(f"{owner}: X holds images of shape {shape}, but image_shape={wanted}.")
    return shape


def _shape_of_rows(estimator, wanted, n_features, reset):
    """Return the image shape that rows of n_features values stand for."""
    owner = type(estimator).__name__
    if wanted is None:
        raise ValueError(
            f"{owner}: X is 2-D with {n_features} columns. Pass images of shape (n_samples, rows, cols[, channels]), "
            f"a single image as X[None], or set image_shape=(rows, cols) to lay rows out as images."
        )
    known = math.prod(side for side in wanted if side != -1)
    if n_features % known or (-1 not in wanted and n_features != known):
        raise ValueError(f"{owner}: rows of {n_features} values cannot be laid out as image_shape={wanted}.")
    return tuple(n_features // known if side == -1 else side for side in wanted)


def _check_same_shape(estimator, shape, reset):
    if not reset and shape != estimator.image_shape_:
        owner = type(estimator).__name__
        raise ValueError(
            f"X holds images of shape {shape}, but {owner} was fitted on images of shape {estimator.image_shape_}."
        )


def as_image(owner, name, image):
    """Return one image of X, gray or with channels, as an array of real numbers."""
    image = np.asarray(image)
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(
            f"{owner}: {name} of X has shape {image.shape}; each must be (rows, cols) "
            "or (rows, cols, channels), and not empty."
        )
    if image.dtype.kind not in "buif":
        raise TypeError(f"{owner}: {name} of X must hold real numbers, got dtype {image.dtype}.")
    return image


def _check_list(owner, X, image_shape):
    """Return a list of images as a list of arrays that share their type and channels."""
    images = [as_image(owner, f"image {index}", image) for index, image in enumerate(X)]
    first = images[0]
    for index, image in enumerate(images):
        if image.dtype != first.dtype or image.shape[2:] != first.shape[2:]:
            raise ValueError(
                f"{owner}: image {index} of X is {_kind(image.shape)} {image.dtype}, but image 0 is "
                f"{_kind(first.shape)} {first.dtype}; convert them to one type and number of channels."
            )
        resolve_shape(owner, image_shape, image.shape)
        assert_all_finite(image, estimator_name=owner, input_name=f"X[{index}]")
    return images


def _kind(shape):
    return "gray" if len(shape) == 2 else f"{shape[2]}-channel"


def _check_same_channels(estimator, channels):
    if channels != estimator._channels:
        raise ValueError(
            f"X holds {_kind((0, 0, *channels))} images, but {type(estimator).__name__} was fitted on "
            f"{_kind((0, 0, *estimator._channels))} images."
        )


def _validate_arrays(estimator, X, reset):
    """Run scikit-learn's checks on images, without copying the whole batch."""
    n_features = math.prod(X.shape[1:])
    if len(X) == 0 or X.dtype == object or X[0].flags.c_contiguous:
        return validate_data(estimator, X.reshape(len(X), n_features), reset=reset, dtype="numeric")
    validate_data(estimator, X[:1].reshape(1, n_features), reset=reset, dtype="numeric")
    for batch in iter_batches(len(X), bytes_per_item=X[0].nbytes):
        assert_all_finite(X[batch], estimator_name=type(estimator).__name__, input_name="X")
    return X


def check_non_negative(owner, images):
    """Raise ValueError for an array of images with negative pixels."""
    if images.dtype.kind in "bu":
        return
    for batch in iter_batches(len(images), bytes_per_item=images[0].nbytes):
        if images[batch].min() < 0:
            raise ValueError(
                f"Negative values in data passed to {owner}, which takes square roots of pixels: "
                "shift the images to [0, 1] or set transform_sqrt=False."
            )
