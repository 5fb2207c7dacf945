"""The handcrafted families in one pass."""

from difflib import get_close_matches
from math import prod

from skimgfeat._base import ImageFeatures
from skimgfeat.features._connectivity import Connectivity
from skimgfeat.features._contours import ContourFeatures
from skimgfeat.features._density import QuadrantDensity
from skimgfeat.features._family import FamilyFeatures, check_gray_or_rgb, check_mask_parameters, handcrafted_arguments
from skimgfeat.features._geometry import GeometryFeatures
from skimgfeat.features._hog import check_hog_parameters, hog_grid, hog_names
from skimgfeat.features._hu_moments import HuMoments
from skimgfeat.features._lbp import LBP
from skimgfeat.features._projections import ProjectionHistograms
from skimgfeat.features._run_lengths import RunLengths
from skimgfeat.features._skeleton import SkeletonFeatures
from skimgfeat.features._zoning import Zoning
from skimgfeat.kernels import handcrafted

# The order of the columns.
_FAMILIES = (
    "zoning",
    "hog",
    "hu",
    "lbp",
    "skeleton",
    "contours",
    "run_lengths",
    "connectivity",
    "geometry",
    "projections",
    "density",
)

# The estimators that name the columns of their family; HOG's depend on parameters and come from hog_names.
_ALONE: dict[str, type[FamilyFeatures]] = {
    "zoning": Zoning,
    "hu": HuMoments,
    "lbp": LBP,
    "skeleton": SkeletonFeatures,
    "contours": ContourFeatures,
    "run_lengths": RunLengths,
    "connectivity": Connectivity,
    "geometry": GeometryFeatures,
    "projections": ProjectionHistograms,
    "density": QuadrantDensity,
}


def _check_families(owner, families):
    """Return the chosen names in the order of their columns."""
    if isinstance(families, str) and families == "all":
        return list(_FAMILIES)
    if isinstance(families, str) or not hasattr(families, "__len__"):
        kind = ValueError if isinstance(families, str) else TypeError
        raise kind(
            f"{owner}: families must be 'all' or a sequence of names, such as ['zoning', 'hog'], got {families!r}."
        )
    names = list(families)
    if not names:
        raise ValueError(f"{owner}: families is empty; choose from {', '.join(_FAMILIES)} or set families='all'.")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{owner}: families must hold names, got {name!r}.")
        if name not in _FAMILIES:
            near = get_close_matches(name, _FAMILIES, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? The names are" if near else "the names are"
            raise ValueError(f"{owner}: families holds the unknown name {name!r}; {hint} {', '.join(_FAMILIES)}.")
        if names.count(name) > 1:
            raise ValueError(f"{owner}: families holds {name!r} {names.count(name)} times; name each family once.")
    return [name for name in _FAMILIES if name in names]


class HandcraftedFeatures(ImageFeatures):
    """Eleven families of handcrafted features in one pass over the images.

    Made for images of single characters or marks on a plain background, such as EMNIST, where an image of 28 x 28
    gives 1436 numbers. Masks, components and moments are computed once for all families. The families, in the order of
    their columns, with their number of columns for images of 28 x 28:

    ==============  =======  =============================  ======================================================
    name            columns  the family alone               what it tells
    ==============  =======  =============================  ======================================================
    "zoning"             72  :class:`Zoning`                densities of 4 x 4 zones; shares of rows and columns
    "hog"              1296  :class:`HOG`                   histograms of oriented gradients
    "hu"                  7  :class:`HuMoments`             moments that shift, scale and rotation do not change
    "lbp"                10  :class:`LBP`                   texture: uniform local binary patterns
    "skeleton"            4  :class:`SkeletonFeatures`      length, ends and branches of the thinned foreground
    "contours"            6  :class:`ContourFeatures`       shape of the largest component
    "run_lengths"         6  :class:`RunLengths`            unbroken runs along rows and columns
    "connectivity"        2  :class:`Connectivity`          components and Euler number
    "geometry"            7  :class:`GeometryFeatures`      position of the largest component, spread
    "projections"        24  :class:`ProjectionHistograms`  histograms of row and column sums; diagonals
    "density"             2  :class:`QuadrantDensity`       left and right half
    ==============  =======  =============================  ======================================================

    Parameters
    ----------
    families : "all" or sequence of str, default="all"
        Names of the families to compute. The columns are always in the order above.
    threshold : float or "otsu", default=0
        Pixels above it are the foreground. In scaled units: [0, 1] for uint8, uint16 and bool, the values themselves
        for floats. "otsu" is Otsu's threshold of each image; the mask is empty then where the image is constant.
    polarity : {"bright", "dark"}, default="bright"
        Whether the foreground is what is above the threshold, or what is not.
    image_shape : tuple (rows, cols) or (rows, cols, channels) or None, default=None
        How rows of X are laid out as images; one entry may be -1. None expects images.
    orientations : int, default=9
        Number of orientation bins of HOG over 180 degrees.
    pixels_per_cell : tuple (rows, cols) of int, default=(4, 4)
        Size of a cell of HOG in pixels.
    cells_per_block : tuple (rows, cols) of int, default=(2, 2)
        Size of a block of HOG in cells.
    block_norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}, default="L2-Hys"
        How HOG normalizes a block; see :class:`HOG`.
    transform_sqrt : bool, default=True
        Whether HOG takes gradients of the square root of the pixels. Pixels must not be negative then.
    n_jobs : int or None, default=None
        Number of threads. None is 1 unless a ``joblib.parallel_config`` says otherwise, -1 is every processor. The
        numbers do not depend on it.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image seen at ``fit``: (rows, cols) or (rows, cols, channels).
    n_features_in_ : int
        Number of values in an image.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Column names of X at ``fit``, where it had any.

    Raises
    ------
    TypeError, ValueError
        At ``fit``, for a parameter of another kind or value, for images with other than one or three channels and,
        where HOG is among the families, for images smaller than one block and for negative pixels under a square
        root.

    See Also
    --------
    HOG : Histograms of oriented gradients with signed and interpolated bins, and of color images.

    Notes
    -----
    A color image becomes gray once for all families, HOG included: Pillow's mode L, that is
    (19595 R + 38470 G + 7471 B) / 65536, rounded for integers. The definitions stand with each family. A column has
    the name and the numbers that it has in the family alone; HOG's are those of :class:`HOG` with the parameters here.

    Families differ much in scale: put a :class:`~sklearn.preprocessing.MinMaxScaler` before a linear model or nearest
    neighbors. (Scaled to unit variance, columns that are nearly constant weigh too much, and linear models converge
    slowly.)

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skimgfeat import HandcraftedFeatures
    >>> images = load_digits().images.astype("float32") / 16
    >>> extractor = HandcraftedFeatures(threshold="otsu").fit(images)
    >>> extractor.transform(images).shape
    (1797, 136)
    >>> extractor.set_params(families=["connectivity", "hu"]).fit_transform(images).shape
    (1797, 9)
    >>> print(*extractor.get_feature_names_out())
    hu_1 hu_2 hu_3 hu_4 hu_5 hu_6 hu_7 n_components euler_number
    """

    def __init__(
        self,
        families="all",
        threshold=0,
        polarity="bright",
        image_shape=None,
        orientations=9,
        pixels_per_cell=(4, 4),
        cells_per_block=(2, 2),
        block_norm="L2-Hys",
        transform_sqrt=True,
        n_jobs=None,
    ):
        self.families = families
        self.threshold = threshold
        self.polarity = polarity
        self.image_shape = image_shape
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt
        self.n_jobs = n_jobs

    def _check_parameters(self):
        owner = type(self).__name__
        _check_families(owner, self.families)
        check_mask_parameters(owner, self.threshold, self.polarity)
        check_hog_parameters(owner, self)

    def _needs_non_negative(self):
        # Called for the tags too, where families may be anything.
        families = self.families
        has_hog = families == "all" if isinstance(families, str) else "hog" in getattr(families, "__iter__", list)()
        return bool(self.transform_sqrt) and has_hog

    def _feature_names(self, image_shape):
        owner = type(self).__name__
        rows, cols = check_gray_or_rgb(owner, image_shape)
        names = []
        for family in _check_families(owner, self.families):
            if family == "hog":
                names += hog_names(owner, rows, cols, check_hog_parameters(owner, self))
            else:
                names += _ALONE[family]._column_names(rows, cols)
        return names

    def _extract(self, images, out):
        batch, parameters = self._kernel_arguments(images)
        handcrafted(batch, out, **parameters)

    def _kernel_arguments(self, images):
        """Return the batch for the kernel and its keyword parameters."""
        owner = type(self).__name__
        rows, cols = self.image_shape_[:2]
        hog = check_hog_parameters(owner, self)
        columns, first = {}, 0
        for family in _check_families(owner, self.families):
            columns[family] = first
            if family == "hog":
                # Counted, not named: naming costs as much as the features of many images.
                first += prod((*hog_grid(owner, rows, cols, hog), *hog["cells_per_block"], hog["orientations"]))
            else:
                first += len(_ALONE[family]._column_names(rows, cols))
        mask_parameters = check_mask_parameters(owner, self.threshold, self.polarity)
        return handcrafted_arguments(images, columns, **mask_parameters, hog=hog)
