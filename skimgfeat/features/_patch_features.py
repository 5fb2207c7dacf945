"""Patches compared with a learned dictionary."""

from itertools import product
from math import ceil, prod

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement

from skimgfeat._base import ImageFeatures
from skimgfeat._images import scaled_batch
from skimgfeat._lazy import warn_of_failures
from skimgfeat._parallel import run_batches
from skimgfeat._validation import check_choice, check_integer, check_number, check_pair, check_random_state_of
from skimgfeat.io import ImageError
from skimgfeat.kernels import patch_features

_DICTIONARIES = ("kmeans", "random")
_ENCODINGS = ("soft_threshold", "triangle")
# Patches drawn from an image, where there are many: more of one image say little new, of fewer more must be decoded.
_PER_IMAGE = 10


def _check_positive(owner, name, value):
    """Return ``value`` as a float above 0, or None."""
    if value is not None and check_number(owner, name, value) <= 0:
        raise ValueError(f"{owner}: {name} must be None or above 0, got {value!r}.")
    return value if value is None else float(value)


def _cut(image, places, patch_size, n_cols, step):
    """Return patches of an image as rows of float32, given their places, counted row by row."""
    batch, scale = scaled_batch(image if image.ndim == 3 else image[..., None])
    pixels = batch.astype(np.float32) / np.float32(scale)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, patch_size, axis=(0, 1))[::step, ::step]
    return np.moveaxis(windows[places // n_cols, places % n_cols], 1, -1).reshape(len(places), -1)


def _normalize(patches, reg_contrast):
    """Take from each patch its mean, and divide by its standard deviation."""
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt(patches.var(axis=1, keepdims=True) + reg_contrast)


def _zca(centered, reg_whiten):
    """Return the symmetric matrix that takes the correlations from rows of mean 0."""
    values, vectors = np.linalg.eigh(centered.T @ centered / len(centered))
    return (vectors / np.sqrt(np.maximum(values, 0) + reg_whiten)) @ vectors.T


class PatchFeatures(ImageFeatures):
    """How much the patches of an image resemble each atom of a dictionary learned from patches.

    ``fit`` draws patches, normalizes their contrast, whitens them, and learns atoms by k-means, or takes some patches
    for atoms. ``transform`` compares every patch of an image with every atom, encodes the result, and takes the mean
    over each cell of a grid: a convolutional network of one layer, without labels and without gradients [1]_, [2]_.

    Columns: ``patch_r0_c1_above_17`` says how far patches of the first row and second column of cells score above the
    threshold with atom 17, ``patch_r0_c1_below_17`` how far below its negative; with ``encoding="triangle"``,
    ``patch_r0_c1_atom_17`` how much nearer than other atoms it is.

    Parameters
    ----------
    n_atoms : int, default=400
        Number of atoms. More score higher, and take as much more time.
    patch_size : tuple (rows, cols) of int, default=(6, 6)
        Size of a patch in pixels.
    step : int, default=1
        Pixels from one patch to the next, along rows and columns.
    dictionary : {"kmeans", "random"}, default="kmeans"
        Whether atoms are centers of :class:`sklearn.cluster.MiniBatchKMeans` or patches drawn at random, which takes
        no time and loses little.
    encoding : {"soft_threshold", "triangle"}, default="soft_threshold"
        What is made of a whitened patch x and an atom d: ``max(x d - threshold, 0)`` and ``max(-x d - threshold, 0)``,
        two columns, for atoms of length 1; or ``max(mean of all z - z, 0)`` of its distances z from the atoms.
    threshold : float, default=0.25
        Of the soft threshold; unused with "triangle".
    pooling : tuple (rows, cols) of int, default=(2, 2)
        Number of cells along rows and columns: quadrants.
    reg_contrast : float or None, default=0.01
        Added to the variance of a patch, of pixels in [0, 1], when it is divided by its standard deviation: the higher,
        the less counts faint texture, noise and traces of compression included. None leaves patches as they are, their
        brightness included.
    reg_whiten : float or None, default=0.1
        Added to the variances along the principal components when these are equalized (ZCA): the higher, the less
        count fine details. None only takes the mean patch away.
    max_patches : int, default=100_000
        How many patches ``fit`` learns from, at most: about ten an image, or more where there are fewer images.
    random_state : int, RandomState instance or None, default=None
        For the choice of patches and for k-means; an int makes ``fit`` repeatable.
    image_shape : tuple (rows, cols) or (rows, cols, channels) or None, default=None
        How rows of X are laid out as images; one entry may be -1. None expects images.
    n_jobs : int or None, default=None
        Number of threads. None is 1 unless a ``joblib.parallel_config`` says otherwise, -1 is every processor. The
        numbers do not depend on it.

    Attributes
    ----------
    atoms_ : ndarray of shape (n_atoms, n_values), float64
        The atoms, whitened; a patch is raveled (row, column, channel). Of length 1 for the soft threshold.
    mean_ : ndarray of shape (n_values,), float64
        The mean of the patches learned from, after their contrast is normalized.
    whitening_ : ndarray of shape (n_values, n_values), float64
        A normalized patch p becomes ``(p - mean_) @ whitening_``.
    image_shape_ : tuple of int
        Shape of an image seen at ``fit``: (rows, cols) or (rows, cols, channels).
    n_features_in_ : int
        Number of values in an image.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Column names of X at ``fit``, where it had any.

    Raises
    ------
    TypeError, ValueError
        At ``fit``, for a parameter of another kind or value, for images with no room for a patch in each cell, and for
        fewer patches than atoms.

    See Also
    --------
    HOG : Gradients, which need no learning and a fiftieth of the time.
    BagOfVisualWords : Counts of learned words among descriptors at keypoints.

    Notes
    -----
    Cell i of n begins at row ``i * m // n``, rounded down, of the m rows of patches, and likewise for columns.

    Scores of whole images would take hundreds of times the memory of the images. The kernel holds those of a few
    neighboring patches only, and no patch at all: it multiplies where the pixels lie. Scores and codes are float32,
    sums over cells float64. Scores of patches with next to no contrast lose digits: a thousandth, at worst. A row
    depends neither on the images beside it nor on the number of threads.

    uint8, uint16 and bool pixels are divided by the full scale of their type; other types are taken as they are. Any
    number of channels does. From an :class:`ImageCollection`, ``fit`` decodes the images that it draws patches from, a
    tenth of ``max_patches`` at most, and leaves out those that cannot be had, where it has ``on_error="nan"``.

    Differences from the references: cells hold means instead of sums. The threshold of [1]_ comes with dictionaries of
    orthogonal matching pursuit; here atoms are those of k-means as in [2]_, brought to length 1. ``reg_contrast`` of
    [2]_ is 10 for pixels up to 255, 1.5e-4 in units of 1; for photos that have been JPEG files, 0.01 scores higher.

    References
    ----------
    .. [1] A. Coates and A. Y. Ng, "The importance of encoding versus training with sparse coding and vector
       quantization", ICML 2011, https://icml.cc/2011/papers/485_icmlpaper.pdf
    .. [2] A. Coates, H. Lee and A. Y. Ng, "An analysis of single-layer networks in unsupervised feature learning",
       AISTATS 2011, https://proceedings.mlr.press/v15/coates11a.html

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import PatchFeatures
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    >>> patches = PatchFeatures(n_atoms=8, patch_size=(4, 4), random_state=0)
    >>> patches.fit_transform(images).shape
    (20, 64)
    >>> print(*patches.get_feature_names_out()[[0, 8, -1]])
    patch_r0_c0_above_0 patch_r0_c0_below_0 patch_r1_c1_below_7
    """

    _learns_shape_only = False

    def __init__(
        self,
        n_atoms=400,
        patch_size=(6, 6),
        step=1,
        dictionary="kmeans",
        encoding="soft_threshold",
        threshold=0.25,
        pooling=(2, 2),
        reg_contrast=0.01,
        reg_whiten=0.1,
        max_patches=100_000,
        random_state=None,
        image_shape=None,
        n_jobs=None,
    ):
        self.n_atoms = n_atoms
        self.patch_size = patch_size
        self.step = step
        self.dictionary = dictionary
        self.encoding = encoding
        self.threshold = threshold
        self.pooling = pooling
        self.reg_contrast = reg_contrast
        self.reg_whiten = reg_whiten
        self.max_patches = max_patches
        self.random_state = random_state
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _check_parameters(self):
        owner = type(self).__name__
        check_integer(owner, "n_atoms", self.n_atoms, minimum=1)
        check_choice(owner, "dictionary", self.dictionary, _DICTIONARIES)
        check_choice(owner, "encoding", self.encoding, _ENCODINGS)
        _check_positive(owner, "reg_whiten", self.reg_whiten)
        check_integer(owner, "max_patches", self.max_patches, minimum=1)
        self._kernel_parameters()
        check_random_state_of(owner, self.random_state)

    def _kernel_parameters(self):
        owner = type(self).__name__
        if (threshold := check_number(owner, "threshold", self.threshold)) < 0:
            raise ValueError(f"{owner}: threshold must be at least 0, got {self.threshold!r}.")
        return {
            "threshold": threshold,
            "contrast": _check_positive(owner, "reg_contrast", self.reg_contrast),
            "patch_size": check_pair(owner, "patch_size", self.patch_size),
            "step": check_integer(owner, "step", self.step, minimum=1),
            "pooling": check_pair(owner, "pooling", self.pooling),
        }

    def _count_places(self, image_shape):
        """Return the number of patches along rows and columns."""
        rows, cols = image_shape[:2]
        (patch_rows, patch_cols), (pool_rows, pool_cols) = self.patch_size, self.pooling
        n_rows, n_cols = (rows - patch_rows) // self.step + 1, (cols - patch_cols) // self.step + 1
        if n_rows < pool_rows or n_cols < pool_cols:
            raise ValueError(
                f"{type(self).__name__}: images of {rows} rows and {cols} columns are smaller than patches of "
                f"{patch_rows} x {patch_cols} pixels, {self.step} apart, need for {pool_rows} x {pool_cols} cells. "
                "Enlarge the images, for instance with Resize, or take a smaller patch_size, step or pooling."
            )
        return n_rows, n_cols

    def _sides(self):
        return ("atom",) if self.encoding == "triangle" else ("above", "below")

    def _feature_names(self, image_shape):
        self._count_places(image_shape)
        cells = product(range(self.pooling[0]), range(self.pooling[1]), self._sides(), range(self.n_atoms))
        return [f"patch_r{row}_c{col}_{side}_{atom}" for row, col, side, atom in cells]

    def _learn(self, images):
        random = check_random_state(self.random_state)
        patches = self._draw(images, random)
        if len(patches) < self.n_atoms:
            raise ValueError(
                f"{type(self).__name__}: X holds {len(patches)} patches to learn from, n_atoms={self.n_atoms!r} needs "
                "as many; give more images or take fewer atoms or more max_patches."
            )
        if self.reg_contrast is not None:
            _normalize(patches, self.reg_contrast)
        self.mean_ = patches.mean(axis=0)
        patches -= self.mean_
        self.whitening_ = np.eye(len(self.mean_)) if self.reg_whiten is None else _zca(patches, self.reg_whiten)
        self.atoms_ = self._choose_atoms(patches @ self.whitening_, random)
        self._set_weights()

    def _draw(self, images, random):
        """Return patches as rows of float64, of images and places chosen at random."""
        n_rows, n_cols = self._count_places(self.image_shape_)
        n_images = min(len(images), ceil(self.max_patches / min(n_rows * n_cols, _PER_IMAGE)))
        per_image = min(n_rows * n_cols, ceil(self.max_patches / n_images))
        chosen = np.sort(random.choice(len(images), n_images, replace=False))
        places = [sample_without_replacement(n_rows * n_cols, per_image, random_state=random) for _ in chosen]
        read = getattr(images, "read_or_error", images.__getitem__)
        n_values = prod(self.patch_size) * prod(self.image_shape_[2:])
        found, failed = [np.empty((0, n_values), np.float32)] * n_images, []

        def cut(batch):
            for row in range(batch.start, batch.stop):
                image = read(chosen[row])
                if isinstance(image, ImageError):
                    failed.append(chosen[row])
                    continue
                self._check_drawn(image, chosen[row])
                found[row] = _cut(image, places[row], tuple(self.patch_size), n_cols, self.step)

        run_batches(cut, n_images, bytes_per_item=4 * self.n_features_in_, n_jobs=self.n_jobs)
        warn_of_failures(type(self).__name__, images, sorted(failed), "nothing is learned from them")
        return np.concatenate(found)[: self.max_patches].astype(float)

    def _check_drawn(self, image, index):
        if image.shape != self.image_shape_:
            owner = type(self).__name__
            raise ValueError(
                f"{owner}: image {index} of X has shape {image.shape}, but the first has {self.image_shape_}; "
                "bring them to one size first, with Resize."
            )
        self._check_largest(image)

    def _choose_atoms(self, whitened, random):
        if self.dictionary == "random":
            atoms = whitened[random.choice(len(whitened), self.n_atoms, replace=False)]
        else:
            kmeans = MiniBatchKMeans(self.n_atoms, n_init=1, compute_labels=False, random_state=random)
            atoms = kmeans.fit(whitened).cluster_centers_
        if self.encoding == "soft_threshold":
            atoms = atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), np.finfo(float).tiny)
        return atoms

    def _set_weights(self):
        """Lay out for the kernel what turns a normalized patch into its scores."""
        weights, self._norms = self.whitening_ @ self.atoms_.T, None
        if self.encoding == "triangle":
            weights = np.hstack([weights, self.whitening_])
            self._norms = np.square(self.atoms_).sum(axis=1).astype(np.float32)
        self._weights = np.ascontiguousarray(weights, dtype=np.float32)
        self._offsets = (self.mean_ @ weights).astype(np.float32)

    def _extract(self, images, out):
        self._check_same_columns(prod(self.pooling) * len(self._sides()) * self.n_atoms, out)
        batch, scale = scaled_batch(images if images.ndim == 4 else images[..., None])
        learned = {"weights": self._weights, "offsets": self._offsets, "norms": self._norms}
        patch_features(batch, out, scale=scale, **learned, **self._kernel_parameters())
