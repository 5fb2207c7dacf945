"""Descriptors to fewer and shorter ones."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skimgfeat._base import ImageMap
from skimgfeat._parallel import run_batches
from skimgfeat._threads import one_blas_thread
from skimgfeat._validation import check_choice, check_flag, check_integer, check_n_jobs, check_random_state_of
from skimgfeat.descriptors._checkpoint import FitState
from skimgfeat.descriptors._codec_file import read_codec, write_codec
from skimgfeat.descriptors._moments import BLOCK_ROWS, cast_and_subtract, row_blocks
from skimgfeat.descriptors._quantized_pca import QuantizedPCA, check_codes
from skimgfeat.descriptors._ragged import as_failed, descriptors_of, has_failed, iter_chunks, with_descriptors

_SELECTIONS = ("rank", "norm")
_PCA_PARAMETERS = ("n_components", "quantile_range", "margin", "solver", "n_bits", "batch_size")
_DTYPES = (np.uint8, np.float32, np.float64)


def _rows(descriptors):
    """Return descriptors of a type that QuantizedPCA computes with."""
    if descriptors.dtype in _DTYPES:
        return descriptors
    return descriptors.astype(np.float32 if descriptors.dtype == np.float16 else np.float64)


def _farthest(rows, pca, count):
    """Return the indices of the ``count`` rows with the longest projections, longest first; equal ones in order."""
    center, axes = pca.mean_.astype(np.float32), pca.components_.T.astype(np.float32)
    squares = np.empty(len(rows), dtype=np.float32)
    buffer = np.empty((min(len(rows), BLOCK_ROWS), len(center)), dtype=np.float32)
    for block in row_blocks(len(rows)):
        projected = cast_and_subtract(rows[block], center, buffer) @ axes
        np.einsum("ij,ij->i", projected, projected, out=squares[block])
    if count is None or count >= len(rows):
        return np.argsort(-squares, kind="stable")
    # Of thousands, only those that are kept are sorted.
    candidates = np.flatnonzero(squares >= np.partition(squares, -count)[-count])
    return candidates[np.argsort(-squares[candidates], kind="stable")][:count]


def _join(indices_and_arrays, batch_size):
    """Yield arrays one below the other, whole ones until there are ``batch_size`` rows, after the index of the last."""
    waiting, count = [], 0
    for index, array in indices_and_arrays:
        waiting.append(array)
        count += len(array)
        if count >= batch_size:
            yield index, np.concatenate(waiting)
            waiting, count = [], 0
    if count:
        yield index, np.concatenate(waiting)


def _map_one(function, image):
    """Return ``function(image)``, marked where the image is."""
    result = function(image)
    return as_failed(result) if has_failed(image) else result


def _check_subset(owner, subset, n_images):
    """Return ``subset`` as an array of truth values, one an image; all True for None."""
    if subset is None:
        return np.ones(n_images, dtype=bool)
    subset = np.asarray(subset)
    if subset.dtype != bool:
        raise TypeError(f"{owner}: subset must hold one True or False an image, got dtype {subset.dtype}.")
    if subset.shape != (n_images,):
        raise ValueError(
            f"{owner}: subset must hold one True or False an image, {n_images} in all, got shape {subset.shape}."
        )
    if not subset.any():
        raise ValueError(f"{owner}: subset leaves no image to learn from.")
    return subset


def _needs_one_pass(codec):
    """Raise AttributeError where the ranges cannot be found from descriptors seen once."""
    if codec.select_by == "norm":
        raise AttributeError(
            f"{type(codec).__name__}: partial_fit cannot find the ranges of what select_by='norm' keeps, which takes a "
            "second pass: fit all images together, or take select_by='rank'."
        )
    return True


class DescriptorCodec(ImageMap):
    """Keep the best descriptors of each image, and of each its principal components, a byte or half a byte each.

    Of the 900 KB that 7,000 SIFT descriptors of an image take (3.6 MB as float32), 115 KB are left, or 58 KB with
    ``n_bits=4``, with nearly the same nearest neighbors.

    Parameters
    ----------
    n_components : int or None, default=64
        Number of principal components kept. None is as many as there are columns, or rows where they are fewer.
    max_descriptors : int or None, default=1800
        How many descriptors of an image are kept; None is all.
    select_by : {"rank", "norm"}, default="rank"
        Which:

        - "rank": the first. SIFT puts the best of its ``rank_by`` first. They keep their order.
        - "norm": those whose projections on the principal components, the mean taken off, are longest; longest first,
          equal ones in the order in which they came. Every descriptor is projected to find out.
    quantile_range : tuple (low, high) of float, default=(0.1, 99.9)
        Percentages of the descriptors kept between which the range of a component lies.
    margin : float, default=0.01
        What is added to the range on each side, as a fraction of it.
    solver : {"moments", "incremental"}, default="moments"
        How principal components are found: see :class:`QuantizedPCA`.
    n_bits : {8, 4}, default=8
        Bits of a code. Of 4 bits, two are packed into a byte: such bytes are for storage, and go back to descriptors
        with ``inverse_transform`` before they are compared or encoded.
    samples_per_image : int, default=1800
        How many descriptors of an image the principal components are learned from, drawn at random: from the first
        ``max_descriptors`` with ``select_by="rank"``, from all with "norm".
    batch_size : int, default=2000
        Descriptors that go to the solver at a time, rounded up to whole images.
    random_state : int, RandomState instance or None, default=None
        Draws those descriptors. An image's draw depends on its place in X only.
    n_jobs : int or None, default=None
        Number of threads of ``transform`` and ``inverse_transform``, over images. None is 1 unless a
        ``joblib.parallel_config`` says otherwise; -1 is every processor. The result does not depend on it.

    Attributes
    ----------
    pca_ : QuantizedPCA
        The fitted projection and ranges, with ``reconstruction_error_`` and ``clipped_fraction_``.
    n_images_seen_ : int
        Number of images given to learn from, those without descriptors among them.
    n_features_in_ : int
        Number of columns of the descriptors seen at ``fit``.

    See Also
    --------
    SIFT : Descriptors of images, best first.
    QuantizedPCA : The same for plain rows.

    Notes
    -----
    X may be a sequence (of ``collections.abc.Sequence``) that reads its arrays when it is sliced: ``fit`` then goes
    over it twice, a few images at a time, in memory that does not grow with it. With uint8 descriptors and
    ``solver="moments"`` the result does not depend on how X is cut into chunks, to the bit.

    ``pca_.reconstruction_error_`` adds what the components leave out of the sample they are learned from and what
    rounding adds to the descriptors kept.

    Differences from the notebook that this codec comes from: ``select_by="norm"`` is its selection and order. Its
    ranges are the lowest and the highest of the percentiles of single images, those held out included; here they are
    percentiles over all descriptors kept, and images left out by ``subset`` are in neither the components nor the
    ranges. An image without keypoints is an empty array, where the notebook has None.

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import DescriptorCodec
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.integers(0, 256, (k, 128), dtype=np.uint8) for k in (300, 0, 20)]
    >>> codec = DescriptorCodec(n_components=32, max_descriptors=100).fit(X)
    >>> [codes.shape for codes in codec.transform(X)]
    [(100, 32), (0, 32), (20, 32)]
    >>> codec.inverse_transform(codec.transform(X))[0].shape
    (100, 128)
    """

    _learns_shape_only = False

    def __init__(
        self,
        n_components=64,
        max_descriptors=1800,
        select_by="rank",
        quantile_range=(0.1, 99.9),
        margin=0.01,
        solver="moments",
        n_bits=8,
        samples_per_image=1800,
        batch_size=2000,
        random_state=None,
        n_jobs=None,
    ):
        self.n_components = n_components
        self.max_descriptors = max_descriptors
        self.select_by = select_by
        self.quantile_range = quantile_range
        self.margin = margin
        self.solver = solver
        self.n_bits = n_bits
        self.samples_per_image = samples_per_image
        self.batch_size = batch_size
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X, y=None, *, subset=None):
        """Learn the principal components, then the range of each, in two passes.

        Parameters
        ----------
        X : sequence of ndarray of shape (k_i, d)
            Descriptors of each image, or structured arrays of shape (k_i,) with geometry: a list, or a sequence that
            reads them when it is sliced.
        y : None
            Ignored; here for scikit-learn's conventions.
        subset : array-like of bool of shape (n_images,) or None, default=None
            Which images to learn from; None is all. Test images belong in neither components nor ranges.

        Returns
        -------
        self : DescriptorCodec
            The fitted codec.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used, and for fewer descriptors than ``n_components``.
        """
        n_columns = descriptors_of(next(iter_chunks(type(self).__name__, X))[0]).shape[1]
        return self._fit(X, subset, self._begin(n_columns))

    @available_if(_needs_one_pass)
    def partial_fit(self, X, y=None, *, subset=None):
        """Go on with more images: update the components, and find the ranges anew from descriptors kept at random.

        Parameters
        ----------
        X : sequence of ndarray of shape (k_i, d)
            Descriptors of images not seen before, as for ``fit``.
        y : None
            Ignored; here for scikit-learn's conventions.
        subset : array-like of bool of shape (n_images,) or None, default=None
            Which images to learn from; None is all.

        Returns
        -------
        self : DescriptorCodec
            The fitted codec. Codes made before mean something else from now on.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        AttributeError
            With ``select_by="norm"``, whose ranges need a second pass over all images.
        """
        if not hasattr(self, "pca_"):
            return self.fit(X, subset=subset)
        owner = type(self).__name__
        self._check_parameters()
        self._check_updatable()
        subset = _check_subset(owner, subset, len(X))
        images = self._images(X, subset, n_columns=self.n_features_in_)
        samples = self._samples(images, self.pca_.random_state, self._n_images_given)
        self.pca_._partial_fit_batches(rows for _, rows in _join(samples, self.batch_size))
        self.n_images_seen_ += int(subset.sum())
        self._n_images_given += len(X)
        return self

    def transform(self, X):
        """Select descriptors of each image and encode them.

        Parameters
        ----------
        X : sequence of ndarray of shape (k_i, d)
            Descriptors of each image, or structured arrays with geometry.

        Returns
        -------
        codes : list of ndarray of shape (min(k_i, max_descriptors), n_components), uint8
            One array an image; half as many columns, rounded up, with ``n_bits=4``; structured arrays where X has
            geometry, which stays beside the codes.

        Raises
        ------
        TypeError, ValueError
            For descriptors of another length than at ``fit``, NaN or infinities.
        """
        check_is_fitted(self, "pca_")
        return self._map(self._encode, X, self.n_features_in_)

    def inverse_transform(self, X):
        """Reconstruct descriptors from their codes.

        Parameters
        ----------
        X : sequence of ndarray of shape (k_i, n_codes)
            Codes as ``transform`` gives them.

        Returns
        -------
        descriptors : list of ndarray of shape (k_i, d), float32
            One array an image, of the descriptors kept; structured arrays where X has geometry.

        Raises
        ------
        TypeError, ValueError
            For another number of columns than ``transform`` gives, and for numbers that are no codes.
        """
        check_is_fitted(self, "pca_")
        return self._map(self._decode, X, self.pca_._n_features_out)

    def save(self, path, *, updatable=True):
        """Write the fitted codec to a file: JSON and .npy in a zip archive, without pickle.

        The file appears when it is complete. The same codec gives the same bytes.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.
        updatable : bool, default=True
            Whether to save what ``partial_fit`` goes on from: the summed moments and the descriptors kept at random;
            nothing with ``select_by="norm"``. For SIFT's uint8 that takes up to 26 MB (float32 102 MB, float64 205 MB);
            without, the codec takes 70 KB.

        Raises
        ------
        NotFittedError
            For a codec that is not fitted.
        OSError
            Where the file cannot be written.

        Notes
        -----
        Of a RandomState given as ``random_state``, the seed that was drawn from it is saved, not the state: after
        ``load``, ``random_state`` is None.

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np
        >>> from skimgfeat import DescriptorCodec
        >>> X = [np.random.default_rng(0).integers(0, 256, (300, 128), dtype=np.uint8)]
        >>> codec = DescriptorCodec(n_components=32).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "sift.codec")
        ...     codec.save(path)
        ...     again = DescriptorCodec.load(path)
        >>> bool((again.transform(X)[0] == codec.transform(X)[0]).all())
        True
        """
        check_is_fitted(self, "pca_")
        updatable = check_flag(type(self).__name__, "updatable", updatable) and hasattr(self, "partial_fit")
        if updatable:
            self._check_updatable()
        write_codec(path, self, updatable=updatable)

    @classmethod
    def load(cls, path):
        """Read a codec that :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        codec : DescriptorCodec
            The fitted codec: its codes are the same, and so is what ``partial_fit`` makes of more images.

        Raises
        ------
        ValueError
            For a file that is no codec, is damaged, or was written by a newer version.
        OSError
            Where the file cannot be read.
        """
        codec, _ = read_codec(path, cls)
        return codec

    def _begin(self, n_columns):
        """Check the parameters, and return a fit that begins, to descriptors of n_columns numbers."""
        self._check_parameters()
        random = check_random_state_of(type(self).__name__, self.random_state)
        pca = self._make_pca(int(random.randint(2**31 - 1)))
        pca._begin(n_columns)
        return FitState(pca)

    def _fit(self, X, subset, state, keep=lambda state: None):
        """Go through what is left of the two passes; ``keep(state)`` is called whenever the state may be saved."""
        subset = _check_subset(type(self).__name__, subset, len(X))
        pca = state.pca
        if state.histogram is None:
            samples = self._samples(self._images(X, subset, start=state.n_read), pca.random_state)
            for index, rows in _join(samples, self.batch_size):
                pca._update([rows])
                state.n_read = index + 1
                keep(state)
            state.histogram, state.n_read = pca._begin_ranges(), 0
        for index, image in self._images(X, subset, start=state.n_read):
            state.histogram.update(_rows(descriptors_of(image))[self._selection(image, pca)])
            state.n_read = index + 1
            keep(state)
        self.pca_ = pca._set_ranges(state.histogram)
        self.n_images_seen_ = int(subset.sum())
        self.n_features_in_ = len(pca.mean_)
        self._n_images_given = len(X)
        return self

    def _make_pca(self, seed):
        pca = QuantizedPCA(**{name: getattr(self, name) for name in _PCA_PARAMETERS}, random_state=seed)
        pca._owner = type(self).__name__
        return pca

    def _forget_updates(self):
        """Forget what only ``partial_fit`` goes on from."""
        if hasattr(self, "pca_"):
            self.pca_._forget_updates()

    def _check_updatable(self):
        if not hasattr(self.pca_, "_moments"):
            raise ValueError(
                f"{type(self).__name__}: this codec was saved with updatable=False, without what partial_fit goes on "
                "from: fit it again, on all images."
            )

    def _check_parameters(self):
        owner = type(self).__name__
        check_codes(owner, self)
        if self.max_descriptors is not None:
            check_integer(owner, "max_descriptors", self.max_descriptors, minimum=1)
        check_choice(owner, "select_by", self.select_by, _SELECTIONS)
        check_integer(owner, "samples_per_image", self.samples_per_image, minimum=1)
        check_n_jobs(owner, self.n_jobs)

    def _images(self, X, subset, *, start=0, n_columns=None):
        """Yield the place in X, and the descriptors, of each image of the subset, from a place on."""
        index = start
        for chunk in iter_chunks(type(self).__name__, X, n_columns=n_columns, start=start):
            for image in chunk:
                if subset[index]:
                    yield index, image
                index += 1
            del chunk, image  # while the next are read

    def _samples(self, images, seed, first=0):
        """Yield the place of each image, and those of its descriptors that the components are learned from."""
        for index, image in images:
            rows = _rows(descriptors_of(image))
            if self.select_by == "rank":
                rows = rows[: self.max_descriptors]
            if len(rows) > self.samples_per_image:
                random = np.random.default_rng((seed, first + index))
                rows = rows[np.sort(random.choice(len(rows), self.samples_per_image, replace=False))]
            yield index, rows

    def _selection(self, image, pca):
        """Return what indexes the descriptors of an image that are kept."""
        if self.select_by == "rank":
            return slice(self.max_descriptors)
        return _farthest(_rows(descriptors_of(image)), pca, self.max_descriptors)

    def _map(self, function, X, n_columns):
        """Return ``function(image)`` of every image, computed on ``n_jobs`` threads."""
        out = []
        with one_blas_thread():
            for images in iter_chunks(type(self).__name__, X, n_columns=n_columns):
                results: list = [None] * len(images)

                def fill(batch, images=images, results=results):
                    results[batch] = [_map_one(function, image) for image in images[batch]]

                n_bytes = sum(image.nbytes for image in images) // len(images)
                run_batches(fill, len(images), bytes_per_item=n_bytes, n_jobs=self.n_jobs)
                out += results
        return out

    def _encode(self, image):
        kept = image[self._selection(image, self.pca_)]
        return with_descriptors(kept, self.pca_._encode_rows(_rows(descriptors_of(kept))))

    def _decode(self, image):
        codes = descriptors_of(image)
        rows = self.pca_.inverse_transform(codes) if len(codes) else np.empty((0, self.n_features_in_), np.float32)
        return with_descriptors(image, rows)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = True
        return tags
