"""Boxes cut out of images."""

from functools import partial

import numpy as np

from skimgfeat._base import ImageMap
from skimgfeat._validation import check_choice, check_flag, check_number
from skimgfeat.io import ImageCollection, ImageError
from skimgfeat.io._collection import check_reading
from skimgfeat.io._decode import MAX_PIXELS

_OWNER = "BBoxCrop"
_UNITS = ("normalized", "pixel")
_READING = ("mode", "dtype", "orientation", "root", "on_error", "max_pixels", "max_bytes")
# For a box that is a smaller part of its photo few photos are large enough: they are decoded whole, once for all such.
_SMALLEST_SHARE = 1 / 4
# Corners that were whole pixels and became parts of a side come back with an error, far below this part of a pixel.
_NOISE = 1e-6


def _cut_box(image, box, *, units, context, square):
    """Return the part of an image that a box holds, a copy; ``box`` is x_min, y_min, x_max, y_max, rotation."""
    rows, cols = image.shape[:2]
    *corners, rotation = map(float, box)
    if not np.isfinite(corners).all():
        raise ImageError("bad_box", f"the box {_text(corners)} holds NaN or infinities")
    sides = (cols, rows) if units == "normalized" else (1, 1)
    spans = [
        _find_span(corners[axis] * side, corners[axis + 2] * side, length, corners, context)
        for axis, side, length in ((0, sides[0], cols), (1, sides[1], rows))
    ]
    if square:
        length = max(end - start for start, end in spans)
        spans = [_widen(span, length, limit) for span, limit in zip(spans, (cols, rows), strict=True)]
    (left, right), (top, bottom) = spans
    return np.rot90(image[top:bottom, left:right], _quarter_turns(rotation)).copy()


def _find_span(low, high, length, corners, context):
    """Return the first pixel of a crop along one axis and the one after its last; raise ImageError for none."""
    low, high = _snap(low), _snap(high)
    if high < low:
        raise ImageError("bad_box", f"the box {_text(corners)} has its corners in the wrong order")
    if high == low:
        raise ImageError("empty_box", f"the box {_text(corners)} has no area")
    if low >= length or high <= 0:
        raise ImageError("outside_image", f"the box {_text(corners)} lies outside the image")
    margin = context * (high - low)
    return max(0, int(np.floor(_snap(low - margin)))), min(length, int(np.ceil(_snap(high + margin))))


def _snap(place):
    """Return the whole number that a place is meant to be, or the place itself where it is further from all of them."""
    whole = np.rint(place)
    return whole if abs(place - whole) <= _NOISE else place


def _widen(span, length, limit):
    """Return a span of ``length`` pixels around another, moved into the image; all of an image that is shorter."""
    start = span[0] - (length - (span[1] - span[0])) // 2
    start = max(0, min(start, limit - length))
    return start, min(start + length, limit)


def _quarter_turns(rotation):
    if np.isnan(rotation):
        return 0
    if rotation % 90:
        raise ImageError("bad_box", f"the rotation {rotation:g} is no multiple of 90 degrees")
    return int(rotation // 90)


def _text(corners):
    return f"({', '.join(f'{corner:g}' for corner in corners)})"


class BBoxCrop(ImageMap):
    """Cut boxes out of images.

    Takes a data frame with a column of paths and four of corners, a row a box, and gives one crop a row, so that
    ``make_pipeline(BBoxCrop(root="photos"), Resize((64, 64)), HOG(), LinearSVC())`` cross-validates over tables such as
    :class:`skimgfeat.datasets.OpenImages` makes; or takes images and, by metadata routing, their ``bboxes``.

    Parameters
    ----------
    columns : tuple of 5 str, default=("path", "x_min", "y_min", "x_max", "y_max")
        The columns of the photo and of the box: x along columns of pixels, y along rows. The first holds paths, encoded
        images (bytes), or images as arrays.
    units : {"normalized", "pixel"}, default="normalized"
        Whether corners are parts of the width and height of the photo, from 0 to 1, or pixels, from 0 at the left or
        top edge of the photo to its width or height at the other.
    context : float, default=0.0
        How far a crop goes beyond its box at each side, as part of the box's width at left and right, of its height at
        top and bottom.
    square : bool, default=False
        Whether the shorter side of a crop is made as long as the other, at both ends. A square that leaves the photo is
        moved into it; where the photo is not long enough, the crop is as long as the photo.
    rotation : str or None, default=None
        A column of degrees, multiples of 90, by which crops are turned counterclockwise after they are cut, as in Open
        Images; not turned where the value is missing.
    mode : {"rgb", "gray", "color"}, default="rgb"
        What photos become when they are read; "color" is RGB, and photos without any color cannot be had.
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        What their pixels are scaled to.
    orientation : {"exif", "ignore"}, default="exif"
        What boxes refer to: the photo turned as its EXIF data say, or, "ignore", the pixels as they are stored, which
        is so in Open Images.
    draft : (rows, cols) or None, default=None
        Lets JPEGs be decoded at the smallest scale at which the box is not below twice this size: quicker, where a
        :class:`Resize` to that size follows, and not quite the same pixels. Only with normalized corners; photos of
        boxes that are less than a quarter as wide or high are decoded whole.
    root : path-like or None, default=None
        A folder that all paths must be relative to and inside of. Give it for tables that come from others.
    on_error : {"raise", "nan"}, default="raise"
        What happens to a photo that cannot be had or a box that cannot be cut out: an error that names it, or a row of
        NaN in the features, and one warning. Images given as arrays always raise.
    max_pixels, max_bytes : int or None, default=89478485 and 1073741824
        Larger photos, larger files cannot be had; None for no limit.

    See Also
    --------
    skimgfeat.datasets.OpenImages : Tables of boxes.
    Resize : The step that crops need next.

    Notes
    -----
    A crop begins at ``floor(x_min * width)`` and ends before ``ceil(x_max * width)``, likewise along rows, so that
    every pixel that the box touches is in it. What is less than a millionth of a pixel from a whole number is that
    number: 0.07 of 100 pixels is 7, and not the 7.000000000000001 of floats. What lies outside the photo is cut off,
    after context is added and before a crop is made square.

    A box that holds NaN or has its corners in the wrong order is an error with the code ``bad_box``, one without width
    or height ``empty_box``, one that has no pixel in the photo ``outside_image``, see
    :class:`~skimgfeat.io.ImageError`; this is decided before context and square.

    Crops are lazy: a photo is decoded when a crop is asked for. Of rows that follow each other and have the same photo,
    it is decoded once; sort tables by photo. With ``draft``, once for boxes of about the same size.

    Nothing is learned at ``fit``.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from skimgfeat import BBoxCrop, Resize
    >>> photo = np.arange(200, dtype=np.uint8).reshape(10, 20)
    >>> boxes = pd.DataFrame({"path": [photo, photo], "x_min": [0.1, 0.5], "y_min": [0, 0.5], "x_max": [0.2, 1],
    ...                       "y_max": [0.21, 0.7]})
    >>> crops = BBoxCrop().fit_transform(boxes)
    >>> crops[0]
    array([[ 2,  3],
           [22, 23],
           [42, 43]], dtype=uint8)
    >>> Resize((8, 8)).fit_transform(crops).shape
    (2, 8, 8)

    Images and their boxes, apart:

    >>> crops = BBoxCrop(units="pixel", square=True).fit_transform(photo[None], bboxes=[[2, 3, 6, 5]])
    >>> crops[0].shape
    (4, 4)
    """

    def __init__(
        self,
        columns=("path", "x_min", "y_min", "x_max", "y_max"),
        units="normalized",
        context=0.0,
        square=False,
        rotation=None,
        mode="rgb",
        dtype="uint8",
        orientation="exif",
        draft=None,
        root=None,
        on_error="raise",
        max_pixels=MAX_PIXELS,
        max_bytes=1 << 30,
    ):
        self.columns = columns
        self.units = units
        self.context = context
        self.square = square
        self.rotation = rotation
        self.mode = mode
        self.dtype = dtype
        self.orientation = orientation
        self.draft = draft
        self.root = root
        self.on_error = on_error
        self.max_pixels = max_pixels
        self.max_bytes = max_bytes

    def fit(self, X, y=None, *, bboxes=None):
        """Check the parameters and that X holds images and boxes.

        Parameters
        ----------
        X : data frame, ImageCollection or array-like of images
            As for :meth:`transform`.
        y : None
            Ignored; here for scikit-learn's conventions.
        bboxes : array-like of shape (n_samples, 4) or None, default=None
            As for :meth:`transform`.

        Returns
        -------
        self : BBoxCrop
            The step; nothing is learned.

        Raises
        ------
        TypeError, ValueError
            For a parameter, X or bboxes that cannot be used.
        """
        self._check_parameters()
        self._split(X, bboxes)
        return self

    def transform(self, X, *, bboxes=None):
        """Cut out a box for each row or image.

        Parameters
        ----------
        X : data frame of shape (n_samples, n_columns), ImageCollection or array-like of images
            A frame of pandas or polars, or a table of pyarrow, with ``columns``; or images, gray or with channels, in
            an array, a list or a collection.
        bboxes : array-like of shape (n_samples, 4) or None, default=None
            x_min, y_min, x_max, y_max of each image, where X is no frame. In a pipeline, ask for it:
            ``BBoxCrop().set_fit_request(bboxes=True).set_transform_request(bboxes=True)``.

        Returns
        -------
        crops : ImageCollection of shape (n_samples,) or list of ndarray
            The crops, in the order of X: lazy where X holds paths or is a collection, copies where it holds arrays.

        Raises
        ------
        TypeError, ValueError
            For a parameter, X or bboxes that cannot be used.
        ImageError
            For the first box that cannot be cut out of an array.
        """
        self._check_parameters()
        images, boxes = self._split(X, bboxes)
        cut = partial(_cut_box, units=self.units, context=float(self.context), square=bool(self.square))
        if isinstance(images, ImageCollection):
            # A collection that was given has its own way of decoding.
            drafts = None if images is X else self._find_drafts(boxes)
            return images.map(cut, arguments=boxes, drafts=drafts)
        return [_cut_from_array(cut, index, image, boxes[index]) for index, image in enumerate(images)]

    def fit_transform(self, X, y=None, *, bboxes=None):
        """Check the parameters and cut out a box for each row or image.

        Parameters
        ----------
        X : data frame, ImageCollection or array-like of images
            As for :meth:`transform`.
        y : None
            Ignored; here for scikit-learn's conventions.
        bboxes : array-like of shape (n_samples, 4) or None, default=None
            As for :meth:`transform`.

        Returns
        -------
        crops : ImageCollection of shape (n_samples,) or list of ndarray
            As of :meth:`transform`.
        """
        return self.fit(X, y, bboxes=bboxes).transform(X, bboxes=bboxes)

    def _check_parameters(self):
        if not isinstance(self.columns, (tuple, list)) or not all(isinstance(name, str) for name in self.columns):
            raise TypeError(f"{_OWNER}: columns must be a tuple of 5 strings, got {self.columns!r}.")
        if len(self.columns) != 5 or len(set(self.columns)) != 5:
            raise ValueError(f"{_OWNER}: columns must be 5 different names, got {self.columns!r}.")
        if not (self.rotation is None or isinstance(self.rotation, str)):
            raise TypeError(f"{_OWNER}: rotation must be None or the name of a column, got {self.rotation!r}.")
        check_choice(_OWNER, "units", self.units, _UNITS)
        if check_number(_OWNER, "context", self.context) < 0:
            raise ValueError(f"{_OWNER}: context must be at least 0, got {self.context!r}.")
        check_flag(_OWNER, "square", self.square)
        check_reading(_OWNER, draft=self.draft, **self._reading())
        if self.draft is not None and self.units == "pixel":
            raise ValueError(f"{_OWNER}: draft must be None where units='pixel', got {self.draft!r}.")

    def _split(self, X, bboxes):
        """Return the images, as a collection or a list of arrays, and the boxes, an array of shape (n, 5)."""
        if not hasattr(X, "columns"):
            if self.rotation is not None:
                raise ValueError(f"{_OWNER}: rotation={self.rotation!r} names a column, but X is no data frame.")
            return _check_images(X), _check_bboxes(X, bboxes)
        if bboxes is not None:
            raise ValueError(f"{_OWNER}: bboxes must be None where X is a data frame, which holds the boxes.")
        wanted = [*self.columns, *([] if self.rotation is None else [self.rotation])]
        names = getattr(X, "column_names", X.columns)  # of pyarrow, "columns" are the values
        for name in wanted:
            if name not in names:
                raise ValueError(
                    f"{_OWNER}: {'columns' if name in self.columns else 'rotation'} must be in X, which has no column "
                    f"{name!r}; it has {list(names)}."
                )
        boxes = np.zeros((len(X), 5))
        for place, name in enumerate(wanted[1:]):
            boxes[:, place] = _read_numbers(X[name], name)
        paths = X[self.columns[0]]
        sources = paths.to_pylist() if hasattr(paths, "to_pylist") else list(paths)
        if sources and isinstance(sources[0], np.ndarray):
            return _check_images(sources), boxes
        return ImageCollection(sources, **self._reading()), boxes

    def _reading(self):
        return {name: getattr(self, name) for name in _READING}

    def _find_drafts(self, boxes):
        """Return how large photos must be at least for their boxes to be as large as ``draft``, 0 for the whole.

        In steps of two, so that boxes of about one size have their photo decoded once.
        """
        if self.draft is None:
            return None
        shares = np.nan_to_num(boxes[:, [3, 2]] - boxes[:, [1, 0]], nan=1.0)
        steps = np.floor(np.log2(shares.clip(_SMALLEST_SHARE, 1)))
        drafts = np.ceil(np.asarray(self.draft) / 2.0**steps).astype(int)
        return np.where((shares < _SMALLEST_SHARE).any(axis=1, keepdims=True), 0, drafts)

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        tags.input_tags.string = True
        return tags


def _cut_from_array(cut, index, image, box):
    try:
        return cut(image, box)
    except ImageError as error:
        raise ImageError(error.code, f"{_OWNER}: image {index} of X: {error.message}") from error


def _check_images(X):
    """Return X, a collection or a sequence of arrays that are images."""
    if isinstance(X, ImageCollection):
        return X
    images = [np.asarray(image) for image in X]
    for index, image in enumerate(images):
        if image.ndim not in (2, 3) or image.size == 0 or image.dtype.kind not in "buif":
            raise ValueError(
                f"{_OWNER}: X must be a data frame, an ImageCollection or images of shape (rows, cols[, channels]); "
                f"image {index} has shape {image.shape} and dtype {image.dtype}. ImageReader makes images of paths."
            )
    return images


def _check_bboxes(X, bboxes):
    if bboxes is None:
        raise ValueError(
            f"{_OWNER}: X is no data frame, so bboxes must hold a box for each image. In a pipeline, ask for it with "
            "set_fit_request(bboxes=True) and set_transform_request(bboxes=True)."
        )
    boxes = np.asarray(bboxes, dtype=float)
    if boxes.shape != (len(X), 4):
        raise ValueError(f"{_OWNER}: bboxes must be of shape ({len(X)}, 4), got {boxes.shape}.")
    return np.column_stack([boxes, np.zeros(len(boxes))])


def _read_numbers(column, name):
    """Return a column of a frame as floats, NaN where a value is missing."""
    missing = {"na_value": np.nan} if type(column).__module__.startswith("pandas") else {}
    try:
        return np.asarray(column.to_numpy(**missing), dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_OWNER}: column {name!r} of X must hold numbers: {error}") from error
