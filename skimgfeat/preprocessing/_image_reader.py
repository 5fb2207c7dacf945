"""Paths to images."""

import numpy as np

from skimgfeat._base import ImageMap
from skimgfeat.io import ImageCollection
from skimgfeat.io._collection import check_reading
from skimgfeat.io._decode import MAX_PIXELS


class ImageReader(ImageMap):
    """Turn an array of paths into images, so that a pipeline takes file names.

    The result is a lazy :class:`ImageCollection`: the steps behind it decode a batch at a time, on their own threads,
    and an image once for each fit, transform or score that goes over it.

    Parameters
    ----------
    mode : {"rgb", "gray", "color"}, default="rgb"
        What every image becomes; "color" is RGB, and images without any color cannot be had.
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        What the pixels are scaled to.
    orientation : {"exif", "ignore"}, default="exif"
        Whether images are turned as their EXIF data say.
    draft : (rows, cols) or None, default=None
        Lets JPEGs be decoded at the smallest scale that is not below twice this size: quicker, where a
        :class:`Resize` to that size follows, and not quite the same pixels.
    root : path-like or None, default=None
        A folder that all paths must be relative to and inside of. Give it for paths that come from others.
    on_error : {"raise", "nan"}, default="raise"
        What happens to an image that cannot be had: an error that names it, or a row of NaN and one warning.
    max_pixels, max_bytes : int or None, default=89478485 and 1073741824
        Larger images, larger files cannot be had; None for no limit.

    See Also
    --------
    ImageCollection : What comes out; also from folders and tables.
    Resize : The step that images of different sizes need next.

    Notes
    -----
    Nothing is learned at ``fit``. Files are read again at each pass over them: in a search with many fits, images that
    fit in memory are read quicker once, with ``np.asarray``.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sklearn.pipeline import make_pipeline
    >>> from skimgfeat import HOG, ImageReader, Resize
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, f"{side}.png") for side in (40, 50, 60)]
    ...     for side, path in zip((40, 50, 60), paths):
    ...         Image.fromarray(np.eye(side, dtype=np.uint8)).save(path)
    ...     make_pipeline(ImageReader(mode="gray"), Resize((32, 32)), HOG()).fit_transform(paths).shape
    (3, 324)
    """

    def __init__(
        self,
        mode="rgb",
        dtype="uint8",
        orientation="exif",
        draft=None,
        root=None,
        on_error="raise",
        max_pixels=MAX_PIXELS,
        max_bytes=1 << 30,
    ):
        self.mode = mode
        self.dtype = dtype
        self.orientation = orientation
        self.draft = draft
        self.root = root
        self.on_error = on_error
        self.max_pixels = max_pixels
        self.max_bytes = max_bytes

    def fit(self, X, y=None):
        """Check the parameters and that X holds what can be read.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            Paths, encoded images (bytes) or binary file objects.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : ImageReader
            The reader; nothing is learned.

        Raises
        ------
        TypeError, ValueError
            For a parameter or X that cannot be used.
        """
        self.transform(X)
        return self

    def transform(self, X):
        """Make a lazy collection of the images.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            Paths, encoded images (bytes) or binary file objects: an array, list, series, or a frame of one column.

        Returns
        -------
        images : ImageCollection of shape (n_samples,)
            The images, in the order of X.

        Raises
        ------
        TypeError, ValueError
            For a parameter or X that cannot be used. Files are not looked at before their image is asked for.
        """
        if isinstance(X, ImageCollection):
            raise TypeError(
                "ImageReader: X is an ImageCollection, which reads its images itself; leave ImageReader out."
            )
        options = self.get_params()
        check_reading(type(self).__name__, **options)
        return ImageCollection(_as_column(X), **options)

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = False
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        return tags


def _as_column(X):
    """Return paths as a sequence: X itself, or the only column of two dimensions."""
    if getattr(X, "ndim", None) == 2 or hasattr(X, "columns"):
        values = np.asarray(X, dtype=object)
        if values.shape[1:] != (1,):
            raise ValueError(f"ImageReader: X must be paths, one a row, got shape {values.shape}.")
        return values[:, 0]
    return X
