"""Keypoints drawn into their image."""

import numpy as np
from sklearn.base import clone

from skimgfeat.display._axes import get_axes, to_unit


def check_geometry(owner, descriptors):
    """Return structured descriptors; raise ValueError for others."""
    descriptors = np.asarray(descriptors)
    if descriptors.dtype.names is None or "x" not in descriptors.dtype.names:
        raise ValueError(
            f"{owner}: descriptors must be a structured array with the fields x, y, size and angle, as "
            f"SIFT(geometry=True) gives them, got dtype {descriptors.dtype}."
        )
    return descriptors


def pixel_places(descriptors, image):
    """Return x and y of keypoints in pixels of an image."""
    rows, cols = image.shape[:2]
    return descriptors["x"] * cols, descriptors["y"] * rows


class KeypointsDisplay:
    """Keypoints as circles of their size, with a spoke in their direction, on the image.

    Parameters
    ----------
    image : ndarray of shape (rows, cols) or (rows, cols, 3)
        The image.
    descriptors : structured ndarray of shape (k,)
        Its keypoints: fields ``x`` and ``y`` (divided by width and height), ``size`` (diameter in pixels) and ``angle``
        (degrees, from the x axis towards the y axis, which points down).

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    keypoints_ : matplotlib.collections.LineCollection
        Circles and spokes.

    See Also
    --------
    MatchesDisplay : Two images side by side, and lines between what is nearest to each other.

    Examples
    --------
    >>> from skimage.data import camera
    >>> from skimgfeat import SIFT
    >>> from skimgfeat.display import KeypointsDisplay
    >>> display = KeypointsDisplay.from_estimator(SIFT(n_features=50), camera())
    >>> len(display.keypoints_.get_segments())
    50
    """

    def __init__(self, image, descriptors):
        self.image = image
        self.descriptors = descriptors

    @classmethod
    def from_estimator(cls, sift, image, *, ax=None, color="C1"):
        """Find the keypoints of an image and draw them.

        Parameters
        ----------
        sift : SIFT
            Its parameters say which keypoints; ``geometry`` may be False.
        image : ndarray of shape (rows, cols) or (rows, cols, 3)
            The image.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        color : matplotlib color, default="C1"
            Of the circles.

        Returns
        -------
        display : KeypointsDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            For an image or parameters that SIFT refuses.
        ImportError
            Without matplotlib.
        """
        image = np.asarray(image)
        (descriptors,) = clone(sift).set_params(geometry=True).fit_transform([image])
        return cls(image, descriptors).plot(ax=ax, color=color)

    @classmethod
    def from_descriptors(cls, image, descriptors, *, ax=None, color="C1"):
        """Draw keypoints that are known.

        Parameters
        ----------
        image : ndarray of shape (rows, cols) or (rows, cols, 3)
            The image.
        descriptors : structured ndarray of shape (k,)
            With geometry, as ``SIFT(geometry=True)`` and :class:`~skimgfeat.DescriptorCodec` give them.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        color : matplotlib color, default="C1"
            Of the circles.

        Returns
        -------
        display : KeypointsDisplay
            The picture.

        Raises
        ------
        ValueError
            For descriptors without geometry.
        ImportError
            Without matplotlib.
        """
        return cls(np.asarray(image), check_geometry(cls.__name__, descriptors)).plot(ax=ax, color=color)

    def plot(self, *, ax=None, color="C1"):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        color : matplotlib color, default="C1"
            Of the circles.

        Returns
        -------
        display : KeypointsDisplay
            This object.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        ax = get_axes(type(self).__name__, ax)
        from matplotlib.collections import LineCollection

        ax.imshow(to_unit(self.image), cmap="gray", vmin=0, vmax=1)
        x, y = pixel_places(self.descriptors, self.image)
        # The spoke first, then once around.
        turns = np.radians(self.descriptors["angle"])[:, np.newaxis] + np.linspace(0, 2 * np.pi, 37)
        radius = self.descriptors["size"][:, np.newaxis] / 2
        circles = np.stack(
            [x[:, np.newaxis] + radius * np.cos(turns), y[:, np.newaxis] + radius * np.sin(turns)], axis=2
        )
        centers = np.stack([x, y], axis=1)[:, np.newaxis]
        self.keypoints_ = ax.add_collection(
            LineCollection(list(np.concatenate([centers, circles], axis=1)), colors=color, linewidths=0.8),
            autolim=False,
        )
        ax.set(xticks=[], yticks=[])
        self.ax_, self.figure_ = ax, ax.figure
        return self
