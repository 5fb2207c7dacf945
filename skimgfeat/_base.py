"""What every extractor shares: images -> rows, and images -> images."""

from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skimgfeat._images import check_images, check_non_negative
from skimgfeat._lazy import fill_rows
from skimgfeat._parallel import run_batches
from skimgfeat._validation import check_n_jobs
from skimgfeat.io import ImageCollection

_LARGEST = 1e15


class ImageFeatures(TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the extractors that turn each image into one row of float32 numbers.

    A subclass has the parameters ``image_shape`` and ``n_jobs`` and says three things: how its parameters are
    checked, what its columns are called, and how a batch of images fills a batch of rows.
    """

    # Whether a long run may fit it on any one image.
    _learns_shape_only = True

    @abstractmethod
    def _check_parameters(self):
        """Raise TypeError or ValueError for a parameter that cannot be used."""

    @abstractmethod
    def _feature_names(self, image_shape):
        """Return the list of column names for images of this shape; raise ValueError for a shape without any."""

    @abstractmethod
    def _extract(self, images, out):
        """Fill ``out``, float32 of shape (n, n_columns), from images of shape (n, rows, cols[, channels])."""

    def _needs_non_negative(self):
        return False

    def fit(self, X, y=None):
        """Check the parameters and learn the shape of the images, and what else an extractor says that it learns.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images, or rows laid out by ``image_shape``; or an :class:`ImageCollection`, of which one image is decoded
            at most where only the shape is learned.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted extractor.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        """
        self._check_parameters()
        check_n_jobs(type(self).__name__, self.n_jobs)
        images = check_images(self, X, reset=True, allow_negative=not self._needs_non_negative())
        n_features_out = len(self._feature_names(self.image_shape_))
        self._learn(X if isinstance(X, ImageCollection) else images)
        self._n_features_out = n_features_out
        return self

    def _learn(self, images):
        """Learn more than the shape of the images, which are an array or a collection; nothing, for most."""

    def transform(self, X):
        """Turn each image into one row.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images of the shape seen at ``fit``; or an :class:`ImageCollection` of them, of which a batch at a time is
            decoded, on the threads of ``n_jobs``.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            One row an image, in the order of X; NaN for images of a collection that cannot be had, where it has
            ``on_error="nan"``.

        Warns
        -----
        FailedImagesWarning
            Where there are such images.

        Raises
        ------
        ValueError
            For images of another shape than at ``fit``, NaN, infinities, floats too large for float32 arithmetic, or
            negative values under a square root.
        ImageError
            For an image of a collection that cannot be had, where it has ``on_error="raise"``.
        """
        return self._transform(X)

    def _transform(self, X, out=None):
        """Fill and return ``out``, C-contiguous float32 rows, new ones where it is None."""
        check_is_fitted(self, "_n_features_out")
        images = X
        if not isinstance(X, ImageCollection):
            images = check_images(self, X, reset=False, allow_negative=not self._needs_non_negative())
        if out is None:
            out = np.empty((len(images), self._n_features_out), dtype=np.float32)
        if isinstance(X, ImageCollection):
            fill_rows(type(self).__name__, X, self.image_shape_, self._check_and_fill, out, n_jobs=self.n_jobs)
            return out
        run_batches(
            lambda batch: self._fill(images[batch], out[batch]),
            len(images),
            bytes_per_item=images[0].nbytes + out[0].nbytes,
            n_jobs=self.n_jobs,
        )
        return out

    def _check_and_fill(self, images, out):
        """Extract a batch of a collection, which nobody has looked through before."""
        if self._needs_non_negative():
            check_non_negative(type(self).__name__, images)
        self._fill(images, out)

    def _fill(self, images, out):
        """Extract a batch."""
        self._check_largest(images)
        self._extract(images, out)

    def _check_largest(self, images):
        """Refuse floats so large that sums of their squares overflow float32, and NaN, which no kernel expects."""
        if images.dtype.kind == "f":
            largest = max(float(images.max()), -float(images.min()))
            if not largest <= _LARGEST:
                what = f"values too large to compute with, up to {largest:g}" if largest == largest else "NaN"
                raise ValueError(f"{type(self).__name__}: X holds {what}; scale the pixels to [0, 1].")

    def _check_same_columns(self, n_columns, out):
        """Refuse parameters that were changed after ``fit`` to some that make other columns."""
        if n_columns != out.shape[1]:
            raise ValueError(
                f"{type(self).__name__}: parameters were changed after fit: they make {n_columns} columns, and there "
                f"were {out.shape[1]}; call fit again."
            )

    def get_feature_names_out(self, input_features=None):
        """Name each column of the output.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Checked against the columns seen at ``fit``, otherwise unused.

        Returns
        -------
        names : ndarray of str objects, shape (n_features_out,)
            The names, each with its place in the image.
        """
        check_is_fitted(self, "_n_features_out")
        _check_feature_names_in(self, input_features, generate_names=False)
        return np.asarray(self._feature_names(self.image_shape_), dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = self._needs_non_negative()
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = True
        return tags


class ImageMap(TransformerMixin, BaseEstimator):
    """Base of the steps that turn images into images: no column names, and ``set_output`` changes nothing."""

    _learns_shape_only = True

    def set_output(self, *, transform=None):
        """Do nothing: images stay arrays whatever container a pipeline asks for.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            Ignored.

        Returns
        -------
        self : object
            The step itself.
        """
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
