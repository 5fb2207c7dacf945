"""Images to SIFT descriptors."""

import math

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skimgfeat._base import ImageMap
from skimgfeat._images import as_image, check_images, is_list_of_images, n_dimensions, resolve_shape
from skimgfeat._lazy import map_images
from skimgfeat._threads import one_cv2_thread
from skimgfeat._validation import (
    check_choice,
    check_flag,
    check_image_shape,
    check_integer,
    check_n_jobs,
    check_number,
)
from skimgfeat.descriptors._describe import SIFTParameters, describe, no_descriptors, shrunk_shape
from skimgfeat.descriptors._ragged import as_failed
from skimgfeat.io import ImageCollection

_RANKINGS = ("response_size", "response", "size")


def _check_non_negative_number(owner, name, value, *, zero):
    value = check_number(owner, name, value)
    if value < 0 or (value == 0 and not zero):
        raise ValueError(f"{owner}: {name} must be {'at least' if zero else 'more than'} 0, got {value!r}.")
    return value


def _check_optional_integer(owner, name, value):
    return None if value is None else check_integer(owner, name, value, minimum=1)


def check_sift_parameters(owner, sift):
    """Return the checked parameters of ``sift`` as :func:`describe` takes them."""
    return SIFTParameters(
        n_features=check_integer(owner, "n_features", sift.n_features, minimum=0),
        rank_by=check_choice(owner, "rank_by", sift.rank_by, _RANKINGS),
        n_octave_layers=check_integer(owner, "n_octave_layers", sift.n_octave_layers, minimum=1),
        contrast_threshold=_check_non_negative_number(owner, "contrast_threshold", sift.contrast_threshold, zero=True),
        edge_threshold=_check_non_negative_number(owner, "edge_threshold", sift.edge_threshold, zero=False),
        sigma=_check_non_negative_number(owner, "sigma", sift.sigma, zero=False),
        root=check_flag(owner, "root", sift.root),
        geometry=check_flag(owner, "geometry", sift.geometry),
        max_pixels=_check_optional_integer(owner, "max_pixels", sift.max_pixels),
        dense_step=_check_optional_integer(owner, "dense_step", sift.dense_step),
        dense_size=check_integer(owner, "dense_size", sift.dense_size, minimum=1),
    )


def _check_image(owner, name, image, image_shape):
    """Return one image as an array of real numbers that are finite."""
    image = as_image(owner, name, image)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError(f"{owner}: {name} of X contains NaN or infinity.")
    resolve_shape(owner, image_shape, image.shape)
    return image


def _check_pixels(owner, name, image):
    """Refuse channels that are not gray or RGB, and values that are not gray levels."""
    if image.ndim == 3 and image.shape[2] not in (1, 3):
        raise ValueError(
            f"{owner}: X must hold gray images or RGB images with 3 channels, but {name} has shape "
            f"{image.shape}. Channels come last; drop an alpha channel with X[..., :3]."
        )
    if image.dtype.newbyteorder("=") in (np.uint8, np.uint16, bool):
        return
    if image.min() < 0:
        raise ValueError(
            f"Negative values in data passed to {owner}: {name} of X goes down to {image.min():g}; "
            "shift the images to [0, 1]."
        )
    if image.max() > 1:
        raise ValueError(
            f"{owner}: {name} of X is {image.dtype} with values up to {image.max():g}; they must lie in "
            "[0, 1]: divide by the full scale, or convert levels from 0 to 255 with X.astype(np.uint8)."
        )


class SIFT(ImageMap):
    """SIFT descriptors of keypoints, an array an image, best keypoints first.

    The keypoints and descriptors are those of OpenCV, whose values are whole numbers from 0 to 255: uint8 holds them
    without loss, in a quarter of the memory.

    Parameters
    ----------
    n_features : int, default=0
        How many descriptors of an image to keep, the best by ``rank_by``; 0 keeps all. What is kept is always the head
        of what 0 gives, and comes quicker: the rest is not described.
    rank_by : {"response_size", "response", "size"}, default="response_size"
        What makes a keypoint good: the contrast of its blob (response), its diameter (size), or their product. Equal
        keypoints follow one another by x, y, falling size, and angle.
    n_octave_layers : int, default=3
        Layers in each octave of the pyramid.
    contrast_threshold : float, default=0.04
        Keypoints of less contrast are left out; OpenCV divides the number by ``n_octave_layers``. More threshold, fewer
        keypoints.
    edge_threshold : float, default=10
        Keypoints on edges are left out: those with a ratio of principal curvatures above this. More threshold, more
        keypoints.
    sigma : float, default=1.6
        Standard deviation, in pixels, of the Gaussian that the first octave begins with.
    root : bool, default=False
        Whether to return RootSIFT [2]_, whose Euclidean distance is SIFT's Hellinger distance: the square root of the
        descriptors divided by their sums, times 512, rounded, and clipped at 255 (see Notes).
    geometry : bool, default=False
        Whether to return structured arrays, with fields ``descriptor`` (uint8, 128 numbers) and, float32 each, ``x``
        and ``y`` (divided by the width and height of the image), ``size`` (diameter in pixels of the image), ``angle``
        (degrees) and ``response``.
    max_pixels : int or None, default=12_000_000
        Images of more pixels are reduced to so many, by area (``cv2.INTER_AREA``), before keypoints are sought. None
        takes every image as it is.
    dense_step : int or None, default=None
        Distance in pixels between the points of a grid. With a number, the points of the grid are described instead of
        keypoints (dense SIFT); the four parameters on keypoints then do nothing, but for ``sigma``, which smooths.
    dense_size : int, default=4
        Side in pixels of one of the 4 x 4 bins around a point of the grid, as ``size`` of VLFeat's ``dsift`` [3]_.
    image_shape : tuple of int or None, default=None
        The (rows, cols) or (rows, cols, channels) that rows given as X stand for; one side may be -1, as in numpy's
        ``reshape``. Images given as images must have this shape where it is not None.
    n_jobs : int or None, default=None
        Number of threads, over images. None is 1 unless a ``joblib.parallel_config`` says otherwise; -1 is every
        processor. The result does not depend on it. cv2's own threads are set to one meanwhile.

    Attributes
    ----------
    image_shape_ : tuple of int or None
        Shape of the images seen at ``fit``; None where their shapes differed or, in a collection, are not known.
    n_features_in_ : int
        rows x cols x channels of the images seen at ``fit``; missing where ``image_shape_`` is None.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of the data frame seen at ``fit``, where X was one.

    See Also
    --------
    DescriptorCodec : Fewer and shorter descriptors.

    Notes
    -----
    SIFT [1]_ works on 8-bit gray levels. uint8 is taken as it is; uint16 and bool are scaled by the full scale of their
    type; every other type must lie in [0, 1] and is multiplied by 255. Colors are rounded to 8 bits first, then become
    gray (Pillow's L: the luma of ITU-R 601).

    An image without keypoints (a blank one, or one of a few pixels) has an array of shape (0, 128).

    RootSIFT stays within 255 unless one of the 128 numbers holds a quarter of the sum, which SIFT's own clipping all
    but rules out; the published one is not rounded.

    Points of the grid are upright (angle 0) and lie where their 4 x 4 bins fit into the image, the grid in its middle;
    an image smaller than ``4 * dense_size`` along a side has none. Their ``size`` is that of a keypoint with such bins,
    2/3 ``dense_size``, and their response, which ranks them, the root mean square of the gradient in that window, in
    full scales a pixel. Deviations from VLFeat: the image is smoothed by ``sigma``, and weak descriptors are kept.

    Keypoints keep OpenCV's coordinates, in which x = 0 is the center of the first pixel, and its bias of a quarter of a
    pixel towards the lower right, which comes from how it enlarges an image for its first octave.

    An image takes about 220 bytes of memory a pixel while it is worked on, once for each thread.

    References
    ----------
    .. [1] D. G. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", International Journal of Computer
       Vision 60(2), 2004, :doi:`10.1023/B:VISI.0000029664.99615.94`.
    .. [2] R. Arandjelovic and A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012,
       :doi:`10.1109/CVPR.2012.6248018`.
    .. [3] A. Vedaldi and B. Fulkerson, "VLFeat: an open and portable library of computer vision algorithms", ACM
       Multimedia 2010, :doi:`10.1145/1873951.1874249`.

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import SIFT
    >>> rows, cols = np.mgrid[:64, :96]
    >>> spot = np.exp(-((rows - 30) ** 2 + (cols - 40) ** 2) / 50)
    >>> descriptors = SIFT().fit_transform([spot, np.zeros((50, 50))])
    >>> [array.shape for array in descriptors]
    [(6, 128), (0, 128)]

    One keypoint, which a round spot gives six orientations:

    >>> best = SIFT(n_features=1, geometry=True).fit_transform([spot])[0][0]
    >>> print(f"{best['x'] * 96:.0f} {best['y'] * 64:.0f}")
    40 30
    >>> SIFT(dense_step=8).fit_transform([spot])[0].shape
    (77, 128)
    """

    def __init__(
        self,
        n_features=0,
        rank_by="response_size",
        n_octave_layers=3,
        contrast_threshold=0.04,
        edge_threshold=10,
        sigma=1.6,
        root=False,
        geometry=False,
        max_pixels=12_000_000,
        dense_step=None,
        dense_size=4,
        image_shape=None,
        n_jobs=None,
    ):
        self.n_features = n_features
        self.rank_by = rank_by
        self.n_octave_layers = n_octave_layers
        self.contrast_threshold = contrast_threshold
        self.edge_threshold = edge_threshold
        self.sigma = sigma
        self.root = root
        self.geometry = geometry
        self.max_pixels = max_pixels
        self.dense_step = dense_step
        self.dense_size = dense_size
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the parameters and the images; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Gray or RGB images, or rows laid out by ``image_shape``; or a list or object array of images of any sizes,
            types and either kind; or an :class:`ImageCollection`, of which nothing is decoded.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : SIFT
            The fitted step.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used.
        """
        owner = type(self).__name__
        check_sift_parameters(owner, self)
        check_n_jobs(owner, self.n_jobs)
        self._check_input(X, reset=True)
        return self

    def transform(self, X):
        """Describe each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images of any size; rows of the width seen at ``fit``; or a list or object array of images; or an
            :class:`ImageCollection`, of which as many images are decoded at a time as there are threads.

        Returns
        -------
        descriptors : list of ndarray of shape (k_i, 128), uint8
            One array an image, best keypoints first; structured arrays of shape (k_i,) with ``geometry``. An image of a
            collection that cannot be had is without descriptors, where the collection has ``on_error="nan"``.

        Warns
        -----
        FailedImagesWarning
            Where there are such images.

        Raises
        ------
        TypeError
            For images that do not hold real numbers.
        ValueError
            For images that are neither gray nor RGB, floats outside [0, 1], NaN, rows of another width than at ``fit``,
            and an empty X.
        ImageError
            For an image of a collection that cannot be had, where it has ``on_error="raise"``.
        """
        check_is_fitted(self, "image_shape_")
        owner = type(self).__name__
        images = self._check_input(X, reset=False)
        parameters = check_sift_parameters(owner, self)

        def describe_one(image):
            if images is X:
                image = _check_image(owner, "an image", image, check_image_shape(owner, self.image_shape))
                _check_pixels(owner, "an image", image)
            return describe(image, parameters)

        with one_cv2_thread():
            return map_images(owner, describe_one, images, as_failed(no_descriptors(parameters)), n_jobs=self.n_jobs)

    def _reservations(self, images):
        """Return for each image None, or what a long run has to say of it beside its descriptors."""
        reservations = []
        for image in self._check_input(images, reset=False):
            shape = image.shape[:2]
            small = shrunk_shape(shape, self.max_pixels)
            note = "shrunk from {}x{} to {}x{} pixels (max_pixels)".format(*shape, *small)
            reservations.append(None if small == shape else note)
        return reservations

    def _check_input(self, X, *, reset):
        """Return X as checked images; a collection as it is, since its images are checked when they are decoded."""
        owner = type(self).__name__
        if isinstance(X, ImageCollection):
            check_image_shape(owner, self.image_shape)
            if len(X) == 0:
                raise ValueError(f"{owner}: X holds no images; found 0 sample(s) while a minimum of 1 is required.")
            if reset:
                self._remember_shapes({X.image_shape} - {None})
            return X
        if is_list_of_images(X):
            wanted = check_image_shape(owner, self.image_shape)
            images = [_check_image(owner, f"image {index}", image, wanted) for index, image in enumerate(X)]
            if reset:
                self._remember_shapes({image.shape for image in images})
        elif reset:
            images = check_images(self, X, reset=True)
        elif n_dimensions(X) > 2 or self.image_shape_ is None:
            # Checked by an unfitted copy, since any size will do.
            images = check_images(clone(self), X, reset=True)
        else:
            images = check_images(self, X, reset=False)
        for index, image in enumerate(images):
            _check_pixels(owner, f"image {index}", image)
        return images

    def _remember_shapes(self, shapes):
        """Set the fitted attributes for images of these shapes; where there is not just one, none is expected again."""
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        self.image_shape_ = None
        if len(shapes) == 1:
            (self.image_shape_,) = shapes
            self.n_features_in_ = math.prod(self.image_shape_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = True
        return tags
