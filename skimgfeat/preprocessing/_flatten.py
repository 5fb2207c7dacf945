"""Images to rows of pixels."""

from itertools import product

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skimgfeat._images import check_images
from skimgfeat._lazy import fill_rows
from skimgfeat.io import ImageCollection


def _lay_out(images, rows):
    rows[...] = images.reshape(rows.shape)


class Flatten(TransformerMixin, BaseEstimator):
    """Lay each image out as one row of pixels, so that raw pixels fit a pipeline.

    The values and their type stay as they are: unlike the extractors, nothing is scaled or made float32.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        The (rows, cols) or (rows, cols, channels) that rows given as X stand for; one side may be -1, as in numpy's
        ``reshape``. Images given as images must have this shape where it is not None.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of the images seen at ``fit``.
    n_features_in_ : int
        rows x cols x channels of the images seen at ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of the data frame seen at ``fit``, where X was one.

    See Also
    --------
    Resize : Bring images of different sizes to one.

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import Flatten
    >>> images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    >>> flatten = Flatten().fit(images)
    >>> flatten.transform(images)
    array([[ 0,  1,  2,  3,  4,  5],
           [ 6,  7,  8,  9, 10, 11]], dtype=uint8)
    >>> flatten.get_feature_names_out()[-1]
    'pixel_r1_c2'
    """

    _learns_shape_only = True

    def __init__(self, image_shape=None):
        self.image_shape = image_shape

    def fit(self, X, y=None):
        """Learn the shape of the images.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images, or rows laid out by ``image_shape``; or an :class:`ImageCollection`, of which one image is decoded
            at most.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : Flatten
            The fitted step.

        Raises
        ------
        TypeError, ValueError
            For an ``image_shape`` or input that cannot be used.
        """
        check_images(self, X, reset=True)
        return self

    def transform(self, X):
        """Lay each image out as one row.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images of the shape seen at ``fit``; or an :class:`ImageCollection` of them.

        Returns
        -------
        pixels : ndarray of shape (n_samples, rows * cols * channels), of the dtype of X
            The pixels row by row, the channels of a pixel side by side. A view of X where its layout allows one. From a
            collection with ``on_error="nan"``, float32, so that the row of an image that cannot be had is NaN; of the
            same values.

        Warns
        -----
        FailedImagesWarning
            Where there are such images.

        Raises
        ------
        ValueError
            For images of another shape than at ``fit``, NaN or infinities.
        ImageError
            For an image of a collection that cannot be had, where it has ``on_error="raise"``.
        """
        check_is_fitted(self)
        if isinstance(X, ImageCollection):
            dtype = np.float32 if X.on_error == "nan" else X.dtype
            out = np.empty((len(X), self.n_features_in_), dtype)
            fill_rows(type(self).__name__, X, self.image_shape_, _lay_out, out, n_jobs=None)
            return out
        images = check_images(self, X, reset=False)
        return images.reshape(len(images), -1)

    def get_feature_names_out(self, input_features=None):
        """Name each column after its pixel: ``pixel_r3_c5``, and ``pixel_r3_c5_ch0`` where there are channels.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Checked against the columns seen at ``fit``, otherwise unused.

        Returns
        -------
        names : ndarray of str objects, shape (n_features_out,)
            The names, in the order of the columns.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        places = product(*(range(side) for side in self.image_shape_))
        template = "pixel_r{}_c{}" if len(self.image_shape_) == 2 else "pixel_r{}_c{}_ch{}"
        return np.array([template.format(*place) for place in places], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
