"""Two images and the matches between their keypoints."""

import numpy as np

from skimgfeat.display._axes import get_axes, to_unit
from skimgfeat.display._keypoints import check_geometry, pixel_places

# Told apart by everyone, and from gray photos.
_RIGHT, _WRONG = "deepskyblue", "darkorange"


def mutual_matches(first, second):
    """Return pairs of indices, (n, 2), of rows of two arrays that are each nearest to the other."""
    first, second = (np.asarray(rows, dtype=np.float32) for rows in (first, second))
    if min(len(first), len(second)) == 0:
        return np.empty((0, 2), dtype=np.intp)
    squares = (second**2).sum(axis=1) - 2 * first @ second.T
    nearest, back = squares.argmin(axis=1), (squares + (first**2).sum(axis=1)[:, np.newaxis]).argmin(axis=0)
    mutual = np.flatnonzero(back[nearest] == np.arange(len(first)))
    return np.column_stack([mutual, nearest[mutual]])


class MatchesDisplay:
    """Two images side by side, with lines between keypoints whose descriptors are each nearest to the other.

    Parameters
    ----------
    images : pair of ndarray of shape (rows, cols) or (rows, cols, 3)
        The images, both gray or both in color.
    descriptors : pair of structured ndarray of shape (k,)
        Their keypoints, with geometry.
    matches : ndarray of int of shape (n, 2)
        Indices of a keypoint of the first image and of one of the second.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    lines_ : matplotlib.collections.LineCollection
        A line a match.

    See Also
    --------
    KeypointsDisplay : The keypoints of one image.

    Examples
    --------
    >>> from skimage.data import stereo_motorcycle
    >>> from skimgfeat import SIFT
    >>> from skimgfeat.display import MatchesDisplay
    >>> left, right, _ = stereo_motorcycle()
    >>> descriptors = SIFT(n_features=100, geometry=True).fit_transform([left, right])
    >>> display = MatchesDisplay.from_descriptors([left, right], descriptors)
    >>> len(display.matches) == len(display.lines_.get_segments())
    True
    """

    def __init__(self, images, descriptors, matches):
        self.images = images
        self.descriptors = descriptors
        self.matches = matches

    @classmethod
    def from_descriptors(cls, images, descriptors, *, correct=None, ax=None):
        """Match descriptors by Euclidean distance and draw the matches.

        Parameters
        ----------
        images : pair of ndarray of shape (rows, cols) or (rows, cols, 3)
            The images, both gray or both in color.
        descriptors : pair of structured ndarray of shape (k,)
            Their descriptors with geometry: of ``SIFT(geometry=True)``, or what
            :meth:`DescriptorCodec.inverse_transform <skimgfeat.DescriptorCodec.inverse_transform>` makes of codes.
        correct : callable or None, default=None
            Called with x and y, in pixels, of the matches in the first image and in the second, two arrays of shape
            (n, 2); returns n truth values. Lines of wrong matches are orange, in place of blue. None draws all alike.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : MatchesDisplay
            The picture.

        Raises
        ------
        ValueError
            For anything else than two images and two arrays with geometry.
        ImportError
            Without matplotlib.
        """
        if len(images) != 2 or len(descriptors) != 2:
            raise ValueError(
                f"{cls.__name__}: there must be two images and the descriptors of both, got {len(images)} images and "
                f"descriptors of {len(descriptors)}."
            )
        images = [np.asarray(image) for image in images]
        if images[0].shape[2:] != images[1].shape[2:]:
            raise ValueError(
                f"{cls.__name__}: both images must be gray, or both in color with as many channels, got shapes "
                f"{images[0].shape} and {images[1].shape}."
            )
        descriptors = [check_geometry(cls.__name__, each) for each in descriptors]
        matches = mutual_matches(*(each["descriptor"] for each in descriptors))
        return cls(images, descriptors, matches).plot(correct=correct, ax=ax)

    def plot(self, *, correct=None, ax=None):
        """Draw the picture.

        Parameters
        ----------
        correct : callable or None, default=None
            As for :meth:`from_descriptors`.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : MatchesDisplay
            This object.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        ax = get_axes(type(self).__name__, ax)
        from matplotlib.collections import LineCollection

        ends = [
            np.stack(pixel_places(keypoints, image), axis=1)[column]
            for keypoints, image, column in zip(self.descriptors, self.images, self.matches.T, strict=True)
        ]
        right = np.ones(len(self.matches), dtype=bool) if correct is None else np.asarray(correct(*ends), dtype=bool)
        ax.imshow(_side_by_side(*map(to_unit, self.images)), cmap="gray", vmin=0, vmax=1)
        lines = np.stack([ends[0], ends[1] + [self.images[0].shape[1], 0]], axis=1)
        # The few wrong ones on top.
        order = np.argsort(~right, kind="stable")
        colors = np.where(right[order], _RIGHT, _WRONG).tolist()
        self.lines_ = ax.add_collection(
            LineCollection(list(lines[order]), colors=colors, linewidths=0.9), autolim=False
        )
        ax.set(xticks=[], yticks=[])
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _side_by_side(first, second):
    """Return one image of two, the shorter filled up with zeros below."""
    rows = max(len(first), len(second))
    padded = [np.pad(image, [(0, rows - len(image)), *[(0, 0)] * (image.ndim - 1)]) for image in (first, second)]
    return np.concatenate(padded, axis=1)
