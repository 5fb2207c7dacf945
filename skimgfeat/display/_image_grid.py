"""Images in rows and columns, each with a title."""

import math

import numpy as np

from skimgfeat._validation import check_integer
from skimgfeat.display._axes import by_place, draw_image, get_axes
from skimgfeat.io import ImageError

_OWNER = "ImageGridDisplay"
# Parts of a cell: an image, and the line of its title above it.
_IMAGE_SIDE = 0.92
_TITLE_HEIGHT = 0.2
_INCHES = 1.4  # of a cell in a figure of its own
_SIDES = (3, 12)  # that such a figure has at least and at most, in inches


def _cannot_be_had(image):
    return image is None or isinstance(image, ImageError)


def _check_image(index, image):
    """Return an image, or None or an ImageError for one that could not be had."""
    if _cannot_be_had(image):
        return image
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if not (image.ndim == 2 or image.shape[2:] in ((3,), (4,))) or image.size == 0 or image.dtype.kind not in "buif":
        raise ValueError(
            f"{_OWNER}: image {index} must be of shape (rows, cols) or (rows, cols, 3), got an array of shape "
            f"{image.shape} and dtype {image.dtype}."
        )
    return None if image.dtype.kind == "f" and np.isnan(image).all() else image


def _check_one_each(name, values, n_images):
    """Return values as a list of as many as there are images."""
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != n_images:
        got = repr(values) if isinstance(values, str) or not hasattr(values, "__len__") else f"{len(values)} of them"
        raise ValueError(f"{_OWNER}: {name} must hold one for each of the {n_images} images, got {got}.")
    return list(values)


class ImageGridDisplay:
    """Images of any sizes in rows and columns, each with a title.

    Gray images, also of different types, are drawn from 0 as black to the full scale of their type as white, 1 for
    floats. An image that could not be had is an empty, crossed cell.

    Parameters
    ----------
    images : list of ndarray, None or ImageError
        Images of shape (rows, cols), (rows, cols, 3) or (rows, cols, 4); None or the error in place of one that could
        not be had.
    titles : list of str or None, default=None
        A title for each.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    images_ : list of matplotlib.image.AxesImage or None
        The pictures; None in place of those that are crossed out.
    titles_ : list of matplotlib.text.Text
        The titles; empty without.
    crosses_ : matplotlib.collections.LineCollection
        A frame and two lines for each image that could not be had.

    See Also
    --------
    KeypointsDisplay : One image and its keypoints.

    Examples
    --------
    >>> from skimage.data import astronaut, camera
    >>> from skimgfeat.display import ImageGridDisplay
    >>> display = ImageGridDisplay.from_images([astronaut(), camera(), None], titles=["color", "gray", "missing"])
    >>> [text.get_text() for text in display.titles_]
    ['color', 'gray', 'missing']
    """

    def __init__(self, images, titles=None):
        self.images = images
        self.titles = titles

    @classmethod
    def from_images(cls, images, *, titles=None, n_cols=None, colors="black", cmap="gray", ax=None):
        """Draw images.

        Parameters
        ----------
        images : array-like of images, or ImageCollection
            An array of shape (n_images, rows, cols) or (n_images, rows, cols, channels), a list of images of any sizes,
            or a collection, of which those that cannot be had are crossed out where it has ``on_error="nan"``. Images
            of NaN alone are, too, and None.
        titles : array-like of shape (n_images,) or None, default=None
            What stands above each: labels, predictions, anything that has a text.
        n_cols : int or None, default=None
            Number of columns; None makes the grid about square.
        colors : matplotlib color or list of n_images of them, default="black"
            Of the titles.
        cmap : str or matplotlib colormap, default="gray"
            Of gray images.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The picture.

        Raises
        ------
        ValueError
            For what is no image, and titles or colors that are not as many as the images.
        ImageError
            For an image of a collection that cannot be had, where it has ``on_error="raise"``.
        ImportError
            Without matplotlib.
        """
        images = by_place(images)
        read = getattr(images, "read_or_error", images.__getitem__)
        checked = [_check_image(index, read(index)) for index in range(len(images))]
        if titles is not None:
            titles = [str(title) for title in _check_one_each("titles", titles, len(checked))]
        return cls(checked, titles).plot(n_cols=n_cols, colors=colors, cmap=cmap, ax=ax)

    def plot(self, *, n_cols=None, colors="black", cmap="gray", ax=None):
        """Draw the picture.

        Parameters
        ----------
        n_cols : int or None, default=None
            Number of columns; None makes the grid about square.
        colors : matplotlib color or list of n_images of them, default="black"
            Of the titles.
        cmap : str or matplotlib colormap, default="gray"
            Of gray images.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            This object.

        Raises
        ------
        ValueError
            For a number of columns or colors that cannot be used.
        ImportError
            Without matplotlib.
        """
        n_images = len(self.images)
        n_cols = (
            math.ceil(math.sqrt(n_images)) if n_cols is None else check_integer(_OWNER, "n_cols", n_cols, minimum=1)
        )
        n_cols = max(1, min(n_cols, n_images))
        n_rows = max(1, math.ceil(n_images / n_cols))
        row_height = 1 + (_TITLE_HEIGHT if self.titles is not None else 0)
        is_own = ax is None
        ax = get_axes(type(self).__name__, ax)
        if is_own:
            width, height = n_cols * _INCHES, n_rows * row_height * _INCHES
            shrink = min(1, _SIDES[1] / max(width, height))
            ax.set_position((0, 0, 1, 1))
            ax.figure.set_size_inches(max(_SIDES[0], shrink * width), max(_SIDES[0], shrink * height))
        centers = [(index % n_cols + 0.5, (index // n_cols + 1) * row_height - 0.5) for index in range(n_images)]
        self.images_ = [
            None if _cannot_be_had(image) else draw_image(ax, image, center, _IMAGE_SIDE, cmap)
            for image, center in zip(self.images, centers, strict=True)
        ]
        self.crosses_ = _cross_out(ax, self.images, centers)
        self.titles_ = self._write_titles(ax, centers, colors)
        # Images would otherwise set the limits and the proportions, each anew.
        ax.set(xlim=(0, n_cols), ylim=(n_rows * row_height, 0), aspect="equal")
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _write_titles(self, ax, centers, colors):
        if self.titles is None:
            return []
        from matplotlib.colors import is_color_like

        colors = [colors] * len(centers) if is_color_like(colors) else _check_one_each("colors", colors, len(centers))
        # A dollar sign in a name begins no formula.
        style = {"ha": "center", "va": "bottom", "fontsize": "small", "parse_math": False}
        return [
            ax.text(x, y - _IMAGE_SIDE / 2, title, color=color, **style)
            for (x, y), title, color in zip(centers, self.titles, colors, strict=True)
        ]


def _cross_out(ax, images, centers):
    """Draw a frame and a cross for each image that could not be had, and the code of its error."""
    from matplotlib.collections import LineCollection

    half = _IMAGE_SIDE / 2
    corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    lines = []
    for image, center in zip(images, centers, strict=True):
        if _cannot_be_had(image):
            frame = corners + center
            lines += [frame[[0, 1, 2, 3, 0]], frame[[0, 2]], frame[[1, 3]]]
        if isinstance(image, ImageError):
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            ax.text(*center, image.code, color="0.3", ha="center", va="center", fontsize="x-small", bbox=box)
    return ax.add_collection(LineCollection(lines, colors="0.6", linewidths=0.8), autolim=False)
