"""Principal components of rows, rounded to 8 or 4 bits each."""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.decomposition import IncrementalPCA
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from skimgfeat._validation import check_choice, check_integer, check_number, check_random_state_of
from skimgfeat.descriptors._moments import Moments, cast_and_subtract, principal_components, row_blocks
from skimgfeat.descriptors._quantiles import ProjectionHistogram, ProjectionSample, Reservoir

_SOLVERS = ("moments", "incremental")
_DTYPES = [np.float64, np.float32, np.uint8]
_LARGEST = 1e15
# Components that vary less than this, in the units of X, count as constant: scaled to 255 steps, values up to _LARGEST
# then stay within float32.
_SMALLEST_SPREAD = 1e-18
# Rows projected at a time: a descriptor set of 1,800 rows is one block, which stays near a core's second-level cache.
_ROWS_AT_ONCE = 2048
# Values decided again in float64 at a time, times columns.
_SETTLED_AT_ONCE = 1 << 18


class _Quantizer(NamedTuple):
    """The map from rows to codes, ``rint((rows - center) @ weights + offset)``, clipped to 0 ... n_steps."""

    center: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    n_steps: int


def _make_quantizer(mean, components, lower, upper, n_steps):
    """Fold projection and scale into one matrix; a component without range gets code 0."""
    span = upper - lower
    scale = np.divide(n_steps, span, out=np.zeros_like(span), where=span > 0)
    weights = components.T.astype(float) * scale
    # float32 holds the center exactly, so that both precisions subtract the same numbers.
    center = np.float32(mean).astype(float)
    return _Quantizer(center, weights, (center - mean) @ weights - lower * scale, n_steps)


def _encode(rows, quantizer):
    """Return codes, uint8 of shape (n, n_components), of rows of uint8, float32 or float64.

    One float32 product. Values that its rounding may have brought to the wrong side of a half are computed again,
    each by itself, in float64: a row's codes depend neither on the rows beside it nor on the number of threads.
    """
    center, weights, offset = (part.astype(np.float32) for part in quantizer[:3])
    rounding = 2 * np.finfo(np.float32).eps * np.sqrt(len(center))
    heaviest = np.linalg.norm(weights, axis=0).max()
    codes = np.empty((len(rows), weights.shape[1]), dtype=np.uint8)
    buffer = np.empty((min(len(rows), _ROWS_AT_ONCE), len(center)), dtype=np.float32)
    for block in row_blocks(len(rows), _ROWS_AT_ONCE):
        centered = cast_and_subtract(rows[block], center, buffer)
        # Long rows that nearly cancel leave more to float64, and in the end everything.
        longest = np.sqrt(np.einsum("ij,ij->i", centered, centered).max())
        tolerance = rounding * max(quantizer.n_steps, longest * heaviest)
        values = centered @ weights
        values += offset
        rounded = np.rint(values)
        values -= rounded
        np.abs(values, out=values)
        doubtful = np.flatnonzero(values > 0.5 - tolerance)
        np.clip(rounded, 0, quantizer.n_steps, out=rounded)
        _settle(rounded.reshape(-1), doubtful, rows[block], quantizer)
        codes[block] = rounded
    return codes


def _settle(codes, doubtful, rows, quantizer):
    """Overwrite the doubtful ones of flattened codes by what float64 says."""
    n_components = len(quantizer.offset)
    for part in row_blocks(len(doubtful), max(1, _SETTLED_AT_ONCE // rows.shape[1])):
        row, component = np.divmod(doubtful[part], n_components)
        # Not a matrix product, whose order of summation hangs on its shape.
        values = np.einsum("ij,ij->i", rows[row] - quantizer.center, quantizer.weights.T[component])
        values += quantizer.offset[component]
        codes[doubtful[part]] = np.clip(np.rint(values), 0, quantizer.n_steps)


def _pack(codes):
    """Put two codes of 4 bits into a byte, the first into the upper half; an odd last one stands beside 0."""
    packed = codes[:, ::2] << 4
    packed[:, : codes.shape[1] // 2] |= codes[:, 1::2]
    return packed


def _unpack(packed, n_components):
    """Undo :func:`_pack`."""
    codes = np.stack([packed >> 4, packed & 15], axis=2)
    return codes.reshape(len(packed), -1)[:, :n_components]


def _check_quantile_range(owner, value):
    """Return ``value`` as a pair of percentages, the smaller first."""
    if not isinstance(value, (list, tuple, np.ndarray)) or np.ndim(value) != 1:
        raise TypeError(f"{owner}: quantile_range must be a pair (low, high) of percentages, got {value!r}.")
    if len(value) != 2:
        raise ValueError(f"{owner}: quantile_range must be a pair (low, high) of percentages, got {value!r}.")
    low, high = (check_number(owner, "quantile_range", each) for each in value)
    if not 0 <= low < high <= 100:
        raise ValueError(f"{owner}: quantile_range must hold percentages 0 <= low < high <= 100, got {value!r}.")
    return low, high


def check_codes(owner, estimator):
    """Raise TypeError or ValueError for a parameter of codes, which DescriptorCodec has too, that cannot be used."""
    if estimator.n_components is not None:
        check_integer(owner, "n_components", estimator.n_components, minimum=1)
    _check_quantile_range(owner, estimator.quantile_range)
    if check_number(owner, "margin", estimator.margin) < 0:
        raise ValueError(f"{owner}: margin must be at least 0, got {estimator.margin!r}.")
    check_choice(owner, "solver", estimator.solver, _SOLVERS)
    if check_integer(owner, "n_bits", estimator.n_bits, minimum=4) not in (4, 8):
        raise ValueError(f"{owner}: n_bits must be 8 or 4, got {estimator.n_bits!r}.")
    check_integer(owner, "batch_size", estimator.batch_size, minimum=1)
    check_random_state_of(owner, estimator.random_state)


class QuantizedPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Principal components rounded to one byte each, or half a byte.

    A row is projected on the first principal components; each component is scaled from its range, found by
    percentiles over all rows, to 0 ... 255 (or 0 ... 15), clipped and rounded. 128 columns of SIFT become 64 bytes, or
    32, with nearly the same nearest neighbors.

    Parameters
    ----------
    n_components : int or None, default=64
        Number of principal components kept, at most the number of rows and of columns. None is the smaller of those.
    quantile_range : tuple (low, high) of float, default=(0.1, 99.9)
        Percentages of the rows of each component between which its range lies; (0, 100) is from the smallest to the
        largest value.
    margin : float, default=0.01
        What is added to the range on each side, as a fraction of it.
    solver : {"moments", "incremental"}, default="moments"
        How principal components are found:

        - "moments": exactly, in one pass, from summed products of columns. They are those of
          ``PCA(svd_solver="covariance_eigh")`` whatever the order of rows and their batches: the same to rounding, for
          uint8 to the bit. It takes memory for n_features x n_features numbers.
        - "incremental": by :class:`sklearn.decomposition.IncrementalPCA` [1]_ on the same batches, an approximation
          that depends on their order and size.
    n_bits : {8, 4}, default=8
        Bits of a code. Of 4 bits, two are packed into a byte, the first of them in its upper half; where
        ``n_components`` is odd, the lower half of the last byte is 0.
    batch_size : int, default=2000
        Rows that ``fit`` reads at a time.
    n_quantile_samples : int, default=200_000
        Rows kept, drawn at random, from which ``partial_fit`` finds the ranges. They are part of the fitted estimator
        and of its pickle.
    random_state : int, RandomState instance or None, default=None
        Draws the rows kept. ``fit`` does not depend on it, nor does ``partial_fit`` before it has seen more than
        ``n_quantile_samples`` rows.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Principal components, unit vectors by falling variance; the entry of largest magnitude is positive.
    mean_ : ndarray of shape (n_features,)
        Mean of the rows.
    explained_variance_ : ndarray of shape (n_components,)
        Variance along each component, divided by n - 1.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        The same as a fraction of the whole variance; 0 where there is none.
    n_components_ : int
        Number of components.
    n_samples_seen_ : int
        Number of rows that the components come from.
    lower_ : ndarray of shape (n_components,)
        The projection that code 0 stands for, the margin included.
    upper_ : ndarray of shape (n_components,)
        The projection that the largest code stands for, the margin included. It is ``lower_`` where the component is
        constant; every code is 0 then.
    reconstruction_error_ : float
        Mean squared difference of the rows seen and their reconstruction, per value (over rows and columns): what the
        components leave out, and what rounding and clipping add.
    clipped_fraction_ : float
        Fraction of the projected values that lay outside ``lower_`` ... ``upper_``.
    n_features_in_ : int
        Number of columns seen at ``fit``.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Column names of X at ``fit``, where it had any.

    Raises
    ------
    TypeError, ValueError
        At ``fit``, for a parameter of another kind or value, and for more components than rows or columns.

    See Also
    --------
    sklearn.decomposition.PCA : Principal components as floats.
    sklearn.decomposition.IncrementalPCA : The same in batches, approximately.

    Notes
    -----
    ``fit`` reads X twice, ``batch_size`` rows at a time, so X may be a memory map of any size (uint8, float32 or
    float64 in the machine's byte order: other types are converted whole). The second pass counts the projections in
    bins around the mean. With s the standard deviation of a component, a bin has the width s / 2048 up to s from the
    mean, twice that up to 3 s, and so on. The percentiles q are those of ``numpy.percentile`` over all rows to within
    (s + abs(q)) / 4096, which for normal values and 8 bits is about a twentieth of the step between codes; 0 and 100
    are exact. Between those, rows are projected in float32 where its rounding is less than a sixty-fourth of a bin for
    rows of common length. The counts take a quarter of a megabyte a component. ``reconstruction_error_`` and
    ``clipped_fraction_`` are read off the same counts, each value taken as the middle of its bin.

    ``partial_fit`` has seen each batch only once: it finds percentiles, ``clipped_fraction_`` and what rounding adds to
    the error from the rows it keeps, exactly. It may go on after ``fit``, which keeps such rows too. Every call does
    this anew, in some tenths of a second for 200,000 rows of 128 columns: prefer few large batches. With
    ``solver="moments"``, the first batches may hold fewer rows than ``n_components``; the components beyond are
    constant.

    Differences from the notebook that this codec comes from: its range is the lowest and the highest of the percentiles
    of single images, hence wider the more images there are, and found on test images too; here the percentiles are
    over all rows given. Its margin and rounding are the same; rows are not selected here.

    A component whose variance is no more than rounding leaves (X of lower rank), or whose standard deviation is below
    1e-18, counts as constant. Values beyond 1e15 are an error.

    References
    ----------
    .. [1] D. A. Ross, J. Lim, R.-S. Lin and M.-H. Yang, "Incremental Learning for Robust Visual Tracking",
       International Journal of Computer Vision 77, 2008, :doi:`10.1007/s11263-007-0075-7`

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skimgfeat import QuantizedPCA
    >>> X, _ = load_digits(return_X_y=True)
    >>> pca = QuantizedPCA(n_components=16).fit(X)
    >>> codes = pca.transform(X)
    >>> codes.shape, codes.dtype
    ((1797, 16), dtype('uint8'))
    >>> restored = pca.inverse_transform(codes)
    >>> print(f"{((X - restored) ** 2).mean():.2f} of {X.var(axis=0).mean():.2f}")
    2.83 of 18.77

    Two components in a byte:

    >>> QuantizedPCA(n_components=16, n_bits=4).fit_transform(X).shape
    (1797, 8)
    """

    _owner: str | None = None  # whose part this is, where it is one

    def __init__(
        self,
        n_components=64,
        quantile_range=(0.1, 99.9),
        margin=0.01,
        solver="moments",
        n_bits=8,
        batch_size=2000,
        n_quantile_samples=200_000,
        random_state=None,
    ):
        self.n_components = n_components
        self.quantile_range = quantile_range
        self.margin = margin
        self.solver = solver
        self.n_bits = n_bits
        self.batch_size = batch_size
        self.n_quantile_samples = n_quantile_samples
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the principal components and their ranges, in two passes over all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers. uint8, float32 and float64 are read where they are, a memory map included.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : QuantizedPCA
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        """
        self._check_parameters()
        X = validate_data(self, X, dtype=_DTYPES)
        self._begin(X.shape[1])
        batches = list(gen_batches(len(X), self.batch_size, min_batch_size=self.n_components or 0))
        return self._fit_batches((X[batch] for batch in batches), (X[batch] for batch in batches))

    def partial_fit(self, X, y=None):
        """Go on with more rows: update the components, and find the ranges anew from rows kept at random.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers. All of X is one batch.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : QuantizedPCA
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used, and with ``solver="incremental"`` for a first batch of fewer
            rows than ``n_components``.
        """
        self._check_parameters()
        # A first call that raised has seen nothing.
        is_first = not hasattr(self, "_moments") or self._moments.n_rows == 0
        X = validate_data(self, X, dtype=_DTYPES, reset=is_first)
        if is_first:
            self._begin(X.shape[1])
        return self._partial_fit_batches([X])

    def transform(self, X):
        """Project, scale, clip and round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components) or (n_samples, (n_components + 1) // 2), uint8
            A byte a component, or with ``n_bits=4`` a byte for each two. The codes of a row do not depend on the other
            rows.

        Raises
        ------
        ValueError
            For another number of columns than at ``fit``, NaN, infinities or values beyond 1e15.
        """
        check_is_fitted(self, "components_")
        return self._encode_rows(validate_data(self, X, dtype=_DTYPES, reset=False))

    def inverse_transform(self, X):
        """Reconstruct rows from their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components) or (n_samples, (n_components + 1) // 2)
            Codes as ``transform`` gives them: whole numbers from 0 to 255.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features), float32
            The mean plus, for each component, the projection that its code stands for.

        Raises
        ------
        ValueError
            For another number of columns than ``transform`` gives, and for numbers that are no codes.
        """
        check_is_fitted(self, "components_")
        owner = self._speaker()
        codes = check_array(X, estimator=owner)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"{owner}: codes must have {self._n_features_out} columns, as transform gives them, "
                f"got {codes.shape[1]}."
            )
        if codes.dtype != np.uint8:
            if np.any((codes < 0) | (codes > 255) | (codes % 1 != 0)):
                raise ValueError(f"{owner}: codes must be whole numbers from 0 to 255, as transform gives them.")
            codes = codes.astype(np.uint8)
        return self._decode(codes)

    def _speaker(self):
        """Return who speaks in messages."""
        return self._owner or type(self).__name__

    def _check_parameters(self):
        owner = type(self).__name__
        check_codes(owner, self)
        check_integer(owner, "n_quantile_samples", self.n_quantile_samples, minimum=1)

    def _fit_batches(self, batches, range_batches):
        """Fit what :meth:`_begin` prepared from iterables of checked rows: for the components, then for the ranges."""
        self._update(batches)
        histogram = self._begin_ranges()
        for rows in range_batches:
            histogram.update(rows)
        return self._set_ranges(histogram)

    def _partial_fit_batches(self, batches):
        """Go on with an iterable of checked arrays of rows, each a batch."""
        self._update(batches)
        spread = self._set_components()
        return self._set_ranges(ProjectionSample(self._reservoir.rows, self.mean_, self.components_, spread))

    def _begin(self, n_features):
        """Forget everything, and prepare for rows of n_features columns."""
        if self.n_components is not None and self.n_components > n_features:
            raise ValueError(self._too_many_components(f"n_features={n_features} columns"))
        random = check_random_state_of(self._speaker(), self.random_state)
        self.n_components_ = self.n_components
        self._incremental = IncrementalPCA(self.n_components) if self.solver == "incremental" else None
        self._reservoir = Reservoir(self.n_quantile_samples, n_features, random)
        self._moments = Moments(n_features)

    def _too_many_components(self, what):
        return (
            f"{self._speaker()}: n_components={self.n_components} must be at most the number of rows and of "
            f"columns of X, which has {what}; take fewer, or None for the most there are."
        )

    def _update(self, batches):
        """Learn batches of rows."""
        for rows in batches:
            if len(rows) == 0:
                continue
            self._check_magnitude(rows)
            if self._incremental is not None:
                self._check_first_batch(rows)
                # One row, or rows without variance, make it divide 0 by 0.
                with np.errstate(divide="ignore", invalid="ignore"):
                    self._incremental.partial_fit(rows)
            self._moments.update(rows)
            self._reservoir.update(rows)

    def _check_first_batch(self, rows):
        """Refuse to begin an incremental fit with fewer rows than components."""
        if self._moments.n_rows == 0 and self.n_components is not None and len(rows) < self.n_components:
            raise ValueError(
                f"{self._speaker()}: with solver='incremental' the first batch must hold at least "
                f"n_components={self.n_components} rows, got n_samples={len(rows)}; "
                "give it more rows (for fit, a larger batch_size), or take solver='moments'."
            )

    def _begin_ranges(self):
        """Find the components of the rows learned, and return what the second pass counts projections in."""
        if self._moments.n_rows == 0:
            raise ValueError(f"{self._speaker()}: X must hold at least one row, got none.")
        if self.n_components is not None and self.n_components > self._moments.n_rows:
            raise ValueError(self._too_many_components(f"n_samples={self._moments.n_rows} rows"))
        return self._make_histogram(self._set_components())

    def _make_histogram(self, spread):
        low, high = self.quantile_range
        return ProjectionHistogram(self.mean_, self.components_, spread, exact_ends=low == 0 or high == 100)

    def _set_components(self):
        """Set what describes the principal components, and return the standard deviation along each."""
        moments = self._moments
        if self._incremental is not None:
            found = self._incremental
            self.components_, self.mean_ = np.array(found.components_, order="C"), found.mean_.copy()
            self.explained_variance_ = np.nan_to_num(found.explained_variance_)
            self.explained_variance_ratio_ = np.nan_to_num(found.explained_variance_ratio_)
        else:
            components, variances = principal_components(moments)
            kept = slice(self.n_components_ or min(moments.n_rows, len(variances)))
            self.components_, self.mean_ = components[kept].copy(), moments.mean
            self.explained_variance_ = variances[kept].copy()
            total = variances.sum()
            self.explained_variance_ratio_ = self.explained_variance_ / (total if total > 0 else 1)
        self.n_components_ = len(self.components_)
        self.n_samples_seen_ = moments.n_rows
        covariance = moments.covariance(ddof=0)
        captured = ((self.components_ @ covariance) * self.components_).sum(axis=1)
        self._left_out = max(0.0, float(np.trace(covariance) - captured.sum()))
        floor = max(moments.rounding(), _SMALLEST_SPREAD**2)
        return np.sqrt(np.where(captured > floor, captured, 0))

    def _set_ranges(self, projections):
        """Set the ranges, and what is lost, from the projections of rows."""
        low, high = projections.percentiles(self.quantile_range)
        margin = self.margin * (high - low)
        self.lower_ = low - margin
        self.upper_ = np.where(high - low > _SMALLEST_SPREAD, high + margin, self.lower_)
        self._set_quantizer()
        rounding_error, clipped_fraction = projections.loss(self.lower_, self.upper_, self._quantizer.n_steps)
        self.reconstruction_error_ = float((self._left_out + rounding_error) / len(self.mean_))
        self.clipped_fraction_ = float(clipped_fraction)
        return self

    def _forget_updates(self):
        """Forget what only ``partial_fit`` goes on from."""
        for name in ("_moments", "_reservoir", "_incremental"):
            self.__dict__.pop(name, None)

    def _set_quantizer(self):
        """Prepare ``transform`` from the components and their ranges."""
        self._n_features_out = self.n_components_ if self.n_bits == 8 else (self.n_components_ + 1) // 2
        n_steps = 2**self.n_bits - 1
        self._quantizer = _make_quantizer(self.mean_, self.components_, self.lower_, self.upper_, n_steps)

    def _check_magnitude(self, rows):
        """Refuse floats so large that products of two of them mean nothing."""
        if rows.dtype.kind == "f" and rows.size:
            largest = max(float(rows.max()), -float(rows.min()))
            if largest > _LARGEST:
                raise ValueError(
                    f"{self._speaker()}: X holds values too large to compute with, up to {largest:g}; "
                    "divide them first."
                )

    def _encode_rows(self, rows):
        """Return the codes of checked rows of uint8, float32 or float64."""
        self._check_magnitude(rows)
        codes = _encode(rows, self._quantizer)
        return codes if self._quantizer.n_steps == 255 else _pack(codes)

    def _decode(self, codes):
        """Return the rows that checked codes stand for."""
        if self._quantizer.n_steps == 15:
            codes = _unpack(codes, self.n_components_)
        step = (self.upper_ - self.lower_) / self._quantizer.n_steps
        weights = (step[:, np.newaxis] * self.components_).astype(np.float32)
        rows = codes.astype(np.float32) @ weights
        rows += (self.mean_ + self.lower_ @ self.components_).astype(np.float32)
        return rows

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
