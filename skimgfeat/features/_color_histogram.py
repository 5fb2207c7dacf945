"""Histograms of color."""

from itertools import product
from math import prod

import numpy as np

from skimgfeat._base import ImageFeatures
from skimgfeat._images import scaled_batch
from skimgfeat._validation import check_choice, check_flag, check_integer
from skimgfeat.features._family import check_gray_or_rgb

# What floats are rounded to, so that a pixel falls into the same bin in every type: 255 divides it.
_LEVELS = 65535
# What colors of sRGB reach in L, a and b. Gray, where a and b are 0, lies inside a bin and not on an edge.
_LAB_RANGES = ((0.0, 100.0), (-87.0, 99.0), (-108.0, 95.0))
# Linear sRGB to CIE XYZ and the white of D65 (2 degree observer), as in scikit-image.
_XYZ_OF_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)


def _check_bins(owner, bins):
    """Return the number of bins of each of the three channels."""
    if not isinstance(bins, (tuple, list, np.ndarray)):
        return (check_integer(owner, "bins", bins, minimum=1),) * 3
    if len(bins) != 3:
        raise ValueError(f"{owner}: bins must be an integer or one for each of the 3 channels, got {bins!r}.")
    return tuple(check_integer(owner, "bins", count, minimum=1) for count in bins)


def _to_levels(images):
    """Return gray or RGB images as three arrays of integers, and the integer that counts as 1."""
    batch, scale = scaled_batch(images)
    if images.dtype == bool:
        batch, scale = batch * np.uint8(255), 255.0
    elif scale == 1:
        scale = _LEVELS
        batch = np.rint(np.clip(batch, 0, 1) * batch.dtype.type(scale)).astype(np.uint16)
    if batch.ndim == 4:
        return [np.ascontiguousarray(batch[..., min(channel, batch.shape[-1] - 1)]) for channel in range(3)], int(scale)
    return [batch] * 3, int(scale)


def _divide(numerator, denominator):
    """Return floor(numerator / denominator), 0 where the denominator is.

    Both hold integers below 2**53: then the rounded quotient lies on the same side of every integer as the exact one.
    """
    quotient = np.zeros(numerator.shape)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return np.floor(quotient, out=quotient).astype(np.intp)


def _rgb_bins(channels, scale, bins):
    for channel, count in zip(channels, bins, strict=True):
        edges = np.minimum(np.arange(scale + 1) * count // scale, count - 1)
        yield edges[channel]


def _hsv_bins(channels, scale, bins):
    """Yield the bins of hue, saturation and value, in exact arithmetic."""
    red, green, blue = (channel.astype(np.float64) for channel in channels)
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    # Sixths of the circle times chroma. Where two channels are largest, the last one decides, as in scikit-image.
    hue = np.where(
        blue == value,
        4 * chroma + red - green,
        np.where(green == value, 2 * chroma + blue - red, green - blue),
    )
    hue += 6 * chroma * (hue < 0)
    n_hues, n_saturations, n_values = bins
    yield np.minimum(_divide(hue * n_hues, 6 * chroma), n_hues - 1)
    yield np.minimum(_divide(chroma * n_saturations, value), n_saturations - 1)
    yield np.minimum(_divide(value * n_values, np.full_like(value, scale)), n_values - 1)


def _lab_bins(channels, scale, bins):
    levels = np.arange(scale + 1) / scale
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    red, green, blue = (linear[channel] for channel in channels)
    x, y, z = (
        # Element by element: a matrix product could round otherwise for a batch of another size.
        _lab_curve((weights[0] * red + weights[1] * green + weights[2] * blue) / white)
        for weights, white in zip(_XYZ_OF_RGB, _WHITE, strict=True)
    )
    lab = (116 * y - 16, 500 * (x - y), 200 * (y - z))
    for channel, (low, high), count in zip(lab, _LAB_RANGES, bins, strict=True):
        yield np.clip((channel - low) * (count / (high - low)), 0, count - 1).astype(np.intp)


def _lab_curve(values):
    return np.where(values > 0.008856, np.cbrt(values), 7.787 * values + 16 / 116)


_BINS = {"rgb": _rgb_bins, "hsv": _hsv_bins, "lab": _lab_bins}


class ColorHistogram(ImageFeatures):
    """Histograms of the colors of an image.

    How many pixels have which color, wherever they lie: what HOG does not see.

    Columns: joint, ``color_r3_g0_b7`` is the share of pixels in bin 3 of red, 0 of green and 7 of blue, the last
    channel running fastest. Per channel, ``color_r3``, first all bins of the first channel. In other color spaces the
    letters are h, s, v and l, a, b.

    Parameters
    ----------
    color_space : {"rgb", "hsv", "lab"}, default="rgb"
        What X, which holds RGB, is converted to: red, green and blue; hue, saturation and value; or CIE L*a*b*.
    bins : int or tuple of int, default=8
        Number of bins of each channel, or of all.
    joint : bool, default=True
        Whether to count combinations of bins of the three channels, ``prod(bins)`` columns, or each channel alone,
        ``sum(bins)`` columns.
    normalize : bool, default=True
        Whether to give shares of the number of pixels rather than counts.
    image_shape : tuple (rows, cols) or (rows, cols, channels) or None, default=None
        How rows of X are laid out as images; one entry may be -1. None expects images.
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
        At ``fit``, for a parameter of another kind or value, and for images with other than one or three channels.

    See Also
    --------
    HOG : Histograms of gradients, which know shapes and not colors.

    Notes
    -----
    The bins of a channel are of one width over its range, closed at the left, the last one at both ends: 0 to 1 for
    red, green, blue, hue, saturation and value; 0 to 100 for L*, -87 to 99 for a*, -108 to 95 for b*, which is what
    colors of sRGB reach. Hue is cyclic: red begins bin 0, and purplish reds end the last one. Gray pixels have hue 0
    and saturation 0.

    uint8, uint16 and bool pixels are divided by the full scale of their type. Other types are clipped to [0, 1] and
    rounded to the nearest of 65,536 levels, so that an image has the same histogram in every type. Gray images count as
    RGB of three equal channels.

    The color spaces are those of ``skimage.color.rgb2hsv`` and ``skimage.color.rgb2lab`` [2]_ (D65, 2 degree observer),
    in float64; the histogram is that of ``numpy.histogramdd``. Bins of RGB and HSV are found in exact arithmetic; there
    a color on the edge of two bins may be rounded to the other side. The paper [1]_ has other axes, opponent colors.

    References
    ----------
    .. [1] M. J. Swain and D. H. Ballard, "Color indexing", International Journal of Computer Vision 7(1), 1991,
       https://doi.org/10.1007/BF00130487
    .. [2] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import ColorHistogram
    >>> images = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    >>> images[:, 1:, :, 0] = 255
    >>> histogram = ColorHistogram(bins=2, joint=False)
    >>> dict(zip(histogram.fit(images).get_feature_names_out(), histogram.transform(images)[0].tolist()))
    {'color_r0': 0.25, 'color_r1': 0.75, 'color_g0': 1.0, 'color_g1': 0.0, 'color_b0': 1.0, 'color_b1': 0.0}
    """

    def __init__(self, color_space="rgb", bins=8, joint=True, normalize=True, image_shape=None, n_jobs=None):
        self.color_space = color_space
        self.bins = bins
        self.joint = joint
        self.normalize = normalize
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _check_parameters(self):
        owner = type(self).__name__
        check_choice(owner, "color_space", self.color_space, tuple(_BINS))
        _check_bins(owner, self.bins)
        check_flag(owner, "joint", self.joint)
        check_flag(owner, "normalize", self.normalize)

    def _feature_names(self, image_shape):
        owner = type(self).__name__
        check_gray_or_rgb(owner, image_shape)
        bins = _check_bins(owner, self.bins)
        names = [
            [f"{letter}{index}" for index in range(count)] for letter, count in zip(self.color_space, bins, strict=True)
        ]
        if self.joint:
            return [f"color_{'_'.join(parts)}" for parts in product(*names)]
        return [f"color_{name}" for channel in names for name in channel]

    def _extract(self, images, out):
        bins = _check_bins(type(self).__name__, self.bins)
        self._check_same_columns(prod(bins) if self.joint else sum(bins), out)
        channels, scale = _to_levels(images)
        indices = _BINS[self.color_space](channels, scale, bins)
        if self.joint:
            first, second, third = indices
            _count([(first * bins[1] + second) * bins[2] + third], [prod(bins)], out)
        else:
            _count(indices, bins, out)
        if self.normalize:
            out /= channels[0][0].size


def _count(indices, n_bins, out):
    """Fill ``out`` with how often each index occurs in each image, for one or several histograms side by side."""
    start = 0
    for index, count in zip(indices, n_bins, strict=True):
        index += count * np.arange(len(index))[:, None, None]
        counts = np.bincount(index.ravel(), minlength=len(index) * count)
        out[:, start : start + count] = counts.reshape(len(index), count)
        start += count
