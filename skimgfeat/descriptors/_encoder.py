"""What the encoders share: descriptors of many images -> one row an image."""

from abc import ABCMeta, abstractmethod
from itertools import pairwise, product

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skimgfeat._parallel import run_batches
from skimgfeat._threads import one_blas_thread
from skimgfeat._validation import check_choice, check_integer, check_n_jobs, check_number, check_random_state_of
from skimgfeat.descriptors._ragged import Images, descriptors_of, has_failed, has_geometry

# Rows of a matrix product. The last block is filled up with zeros: BLAS rounds small products in other ways, and what
# an image gives must not depend on the images beside it.
BLOCK_ROWS = 1024
_LARGEST = 1e15


def iter_blocks(rows, shift, block=None):
    """Yield (start, stop, block): rows[start:stop] - shift, then zeros, in one float64 block of BLOCK_ROWS rows."""
    if block is None:
        block = np.empty((BLOCK_ROWS, rows.shape[1]))
    for start in range(0, len(rows), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(rows))
        np.subtract(rows[start:stop], shift, out=block[: stop - start], casting="same_kind")
        block[stop - start :] = 0
        yield start, stop, block


def signed_power(values, power):
    """Return ``|values| ** power`` with the signs of ``values``."""
    return values if power == 1 else np.copysign(np.abs(values) ** power, values)


def check_power(owner, power):
    """Return ``power`` as a float above 0, at most 1."""
    value = check_number(owner, "power", power)
    if not 0 < value <= 1:
        raise ValueError(f"{owner}: power must be above 0 and at most 1, got {power!r}.")
    return value


def check_sample_size(owner, sample, name, count):
    """Raise ValueError where there are fewer descriptors to learn from than words (or components)."""
    if len(sample) < count:
        raise ValueError(
            f"{owner}: there are n_samples={len(sample)} descriptors to learn from, fewer than {name}={count}: "
            f"pass more images, or choose a smaller {name} or a larger max_samples."
        )


def sample_descriptors(images, max_samples, random_state):
    """Return at most ``max_samples`` descriptors as rows, as evenly from all images as their numbers allow."""
    random = check_random_state(random_state)
    parts = []
    for image, share in zip(images, _even_shares([len(image) for image in images], max_samples, random), strict=True):
        descriptors = descriptors_of(image)
        if share < len(descriptors):
            parts.append(descriptors[np.sort(random.choice(len(descriptors), share, replace=False))])
        else:
            # What is read from a store may be part of something larger, which a view would hold on to.
            parts.append(descriptors.copy())
    sample = np.concatenate(parts)
    return sample.astype(np.result_type(sample.dtype, np.float32))


def _even_shares(counts, total, random):
    """Return how many of each image's ``counts`` descriptors to take, ``total`` together."""
    counts = np.array(counts)
    if counts.sum() <= total:
        return counts
    enough, too_many = 0, int(counts.max())
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        if np.minimum(counts, middle).sum() <= total:
            enough = middle
        else:
            too_many = middle
    shares = np.minimum(counts, enough)
    one_more = random.choice(np.flatnonzero(counts > enough), total - shares.sum(), replace=False)
    shares[one_more] += 1
    return shares


class Pyramid:
    """Cells over the image plane.

    Descriptors are summed over the finest intervals between the edges of all levels, and those over the cells.
    """

    def __init__(self, levels):
        self.cells = [
            (level, row, col) for level, side in enumerate(levels) for row, col in product(range(side), repeat=2)
        ]
        # Equal fractions are equal floats, so that levels share the edges they have in common.
        self.edges = np.unique([place / side for side in levels for place in range(1, side)])
        self.n_parts = (len(self.edges) + 1) ** 2
        middles = [(low + high) / 2 for low, high in pairwise([0, *self.edges, 1])]
        along = [np.floor(np.multiply(middles, side)) for side in levels]
        self._membership = np.array(
            [np.outer(along[level] == row, along[level] == col).ravel() for level, row, col in self.cells], dtype=float
        )

    def parts(self, image):
        """Return the index of the finest part that each keypoint lies in."""
        row, col = (np.searchsorted(self.edges, image[name], side="right") for name in ("y", "x"))
        return row * (len(self.edges) + 1) + col

    def pool(self, sums):
        """Sum over cells: (n_images * n_parts, ...) to (n_images * n_cells, ...)."""
        if self.n_parts == 1:
            return np.repeat(sums, len(self.cells), axis=0)
        pooled = self._membership @ sums.reshape(-1, self.n_parts, sums[0].size)
        return pooled.reshape(-1, *sums.shape[1:])


def check_pyramid_levels(owner, levels):
    """Return ``levels`` as a tuple of ints of at least 1."""
    if not (isinstance(levels, (list, tuple)) or (isinstance(levels, np.ndarray) and levels.ndim == 1)):
        raise TypeError(f"{owner}: pyramid_levels must be a sequence of integers such as (1, 2), got {levels!r}.")
    if len(levels) == 0:
        raise ValueError(f"{owner}: pyramid_levels must hold at least one level; (1,) is the whole image.")
    return tuple(check_integer(owner, "pyramid_levels", side, minimum=1) for side in levels)


class _PlacedImages(Images):
    """Descriptors with the places of their keypoints."""

    def chunks(self):
        for start, images in super().chunks():
            for index, image in enumerate(images, start):
                self._check_places(index, image)
            yield start, images
            del images

    def _check_places(self, index, image):
        if not has_geometry(image):
            raise ValueError(
                f"{self._owner}: pyramid_levels above 1 need the places of the keypoints, but image {index} of X has "
                "no geometry: compute descriptors with SIFT(geometry=True), or set pyramid_levels=(1,)."
            )
        for name in ("x", "y"):
            if len(image) and not (image[name].min() >= 0 and image[name].max() <= 1):
                raise ValueError(
                    f"{self._owner}: image {index} of X has {name} from {image[name].min():g} to "
                    f"{image[name].max():g}; x and y must be fractions of the image's width and height, from 0 to 1."
                )


class DescriptorEncoder(TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the encoders: what is known of an image is a sum over its descriptors, which then becomes its row.

    A subclass has the parameters ``norm``, ``pyramid_levels``, ``max_samples``, ``random_state`` and ``n_jobs`` and
    says how its own are checked, what it learns, what it sums, what it makes of sums, and what its columns are called.
    """

    @abstractmethod
    def _check_own_parameters(self):
        """Raise TypeError or ValueError for a parameter that cannot be used."""

    @abstractmethod
    def _learn(self, images, sample):
        """Learn from a sample of descriptors, float32 or float64 of shape (n, n_columns), and from all images."""

    @abstractmethod
    def _column_names(self):
        """Return the names of the columns of one cell."""

    @abstractmethod
    def _sum(self, rows, bounds):
        """Return float64 sums of shape (n_segments, ...) over the segments rows[bounds[i]:bounds[i + 1]]."""

    @abstractmethod
    def _finish(self, sums):
        """Return the rows of shape (n_cells, n_columns) before ``norm``: zeros for sums over nothing."""

    def _check_parameters(self):
        owner = type(self).__name__
        self._check_own_parameters()
        if self.norm is not None:
            check_choice(owner, "norm", self.norm, ("l1", "l2"))
        check_pyramid_levels(owner, self.pyramid_levels)
        check_integer(owner, "max_samples", self.max_samples, minimum=1)
        check_random_state_of(owner, self.random_state)
        check_n_jobs(owner, self.n_jobs)

    def _check_images(self, X, n_columns=None):
        """Return X as :class:`Images` that the pyramid can be laid over."""
        images = _PlacedImages if max(check_pyramid_levels(type(self).__name__, self.pyramid_levels)) > 1 else Images
        return images(type(self).__name__, X, n_columns=n_columns)

    def _check_magnitude(self, rows):
        if rows.dtype.kind == "f" and rows.size:
            largest = max(float(rows.max()), -float(rows.min()))
            if largest > _LARGEST:
                raise ValueError(
                    f"{type(self).__name__}: X holds values too large to compute with, up to {largest:g}; "
                    "scale the descriptors."
                )

    def _sample(self, images):
        sample = sample_descriptors(images, self.max_samples, self.random_state)
        self._check_magnitude(sample)
        return sample

    def fit(self, X, y=None):
        """Learn the vocabulary from a sample of descriptors.

        Parameters
        ----------
        X : list of arrays of shape (n_descriptors_i, n_columns)
            Descriptors of each image, numbers of any type; or structured arrays of shape (n_descriptors_i,) with
            geometry. Images without descriptors are allowed. Or a sequence (of ``collections.abc.Sequence``) that reads
            its arrays when it is sliced, such as a :class:`DescriptorStore`: some images at a time are read, once for
            each pass.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        """
        self._check_parameters()
        images = self._check_images(X)
        sample = self._sample(images)
        self._learn(images, sample)
        self._set_features(sample)
        return self

    def _set_features(self, sample):
        self.n_features_in_ = sample.shape[1]
        self._n_features_out = len(self.get_feature_names_out())

    def transform(self, X):
        """Turn the descriptors of each image into one row.

        Parameters
        ----------
        X : list of arrays of shape (n_descriptors_i, n_columns)
            Descriptors of each image, or structured arrays with geometry, as at ``fit``, in a list or a sequence that
            reads them.

        Returns
        -------
        features : ndarray of shape (n_images, n_features_out), float32
            One row an image, in the order of X: zeros for an image without descriptors, NaN for one of a collection
            or store that could not be had.

        Raises
        ------
        TypeError, ValueError
            For descriptors of another length than at ``fit``, NaN, infinities, floats too large to compute with, or
            geometry that is missing where ``pyramid_levels`` needs it.
        """
        check_is_fitted(self, "_n_features_out")
        images = self._check_images(X, n_columns=self.n_features_in_)
        pyramid = Pyramid(check_pyramid_levels(type(self).__name__, self.pyramid_levels))
        out = np.empty((len(images), self._n_features_out), dtype=np.float32)

        def encode(rows, batch, sums):
            values = self._finish(pyramid.pool(sums))
            if self.norm is not None:
                values = normalize(values, norm=self.norm, copy=False)
            out[rows] = values.reshape(len(batch), -1)
            out[rows][[has_failed(image) for image in batch]] = np.nan

        self._run(images, pyramid, self._n_features_out, encode)
        return out

    def _run(self, images, pyramid, n_columns, function):
        """Call ``function(rows, batch, sums)`` for batches of images, each a slice of rows, on ``n_jobs`` threads."""
        # Batches have threads of their own.
        with one_blas_thread():
            for start, chunk in images.chunks():

                def encode(places, start=start, chunk=chunk):
                    batch = chunk[places]
                    sums = self._sum(*self._segments(batch, pyramid))
                    function(slice(start + places.start, start + places.stop), batch, sums)

                n_bytes = sum(image.nbytes for image in chunk) // len(chunk)
                n_bytes += np.dtype(float).itemsize * n_columns
                run_batches(encode, len(chunk), bytes_per_item=n_bytes, n_jobs=self.n_jobs)

    def _segments(self, images, pyramid):
        """Return the descriptors of a batch one below the other, and where each part of each image begins and ends."""
        rows = np.concatenate([descriptors_of(image) for image in images])
        self._check_magnitude(rows)
        counts = np.array([len(image) for image in images])
        if pyramid.n_parts > 1:
            first = np.repeat(np.arange(len(images)) * pyramid.n_parts, counts)
            segments = first + np.concatenate([pyramid.parts(image) for image in images])
            rows = rows[np.argsort(segments, kind="stable")]
            counts = np.bincount(segments, minlength=len(images) * pyramid.n_parts)
        return rows, np.concatenate([[0], np.cumsum(counts)])

    def get_feature_names_out(self, input_features=None):
        """Name each column of the output.

        Parameters
        ----------
        input_features : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        names : ndarray of str objects, shape (n_features_out,)
            The names: with a spatial pyramid, each begins with its cell, such as ``l1_r0_c1_`` for the cell in row 0
            and column 1 of the second of ``pyramid_levels``.
        """
        check_is_fitted(self, "n_features_in_")
        levels = check_pyramid_levels(type(self).__name__, self.pyramid_levels)
        names = self._column_names()
        if levels != (1,):
            cells = [f"l{level}_r{row}_c{col}_" for level, row, col in Pyramid(levels).cells]
            names = [cell + name for cell, name in product(cells, names)]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = True
        return tags
