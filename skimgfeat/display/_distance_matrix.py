"""How far images are from each other."""

import math

import numpy as np
from sklearn.metrics import pairwise_distances, pairwise_distances_chunked
from sklearn.utils.validation import _num_samples

from skimgfeat._validation import check_choice, check_flag, check_integer
from skimgfeat.display._axes import get_axes

_OWNER = "DistanceMatrixDisplay"
_MOST_TICKS = 40  # labels of single rows beside each other that can be read
_MOST_VALUES = 12  # classes whose distances can be written into their squares


def _check_labels(labels, display_labels, n_rows):
    """Return the class of each row as a number, and the names of the classes."""
    labels = np.asarray(labels)
    if labels.shape != (n_rows,):
        raise ValueError(f"{_OWNER}: labels must be one for each of {n_rows} rows, got shape {labels.shape}.")
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"{_OWNER}: labels must be of one type, and none missing: leave out the rows without. ({error})"
        ) from error
    names = [str(name) for name in (classes if display_labels is None else display_labels)]
    if len(names) != len(classes):
        raise ValueError(f"{_OWNER}: display_labels must be one for each of {len(classes)} classes, got {len(names)}.")
    return codes, names


def _class_means(X, codes, n_classes, metric):
    """Return the mean distance between rows of two classes, between different rows of one, a block at a time."""
    counts = np.bincount(codes, minlength=n_classes)
    one_hot = np.eye(n_classes)[codes]
    sums, start = np.zeros((n_classes, n_classes)), 0
    for block in pairwise_distances_chunked(X, metric=metric):
        sums += one_hot[start : start + len(block)].T @ (block @ one_hot)
        start += len(block)
    pairs = np.outer(counts, counts) - np.diag(counts)
    # A class of one row has no two that differ.
    return np.divide(sums, pairs, out=np.full_like(sums, np.nan), where=pairs > 0)


def _smallest(distances):
    """Return what the darkest color stands for, and whether the colors extend below it.

    The zeros of each row to itself would leave few colors to the others.
    """
    others = distances[~np.eye(len(distances), dtype=bool)]
    is_zero = len(others) and not np.diagonal(distances).any()
    return (float(others.min()), "min" if others.min() > 0 else "neither") if is_zero else (None, "neither")


class DistanceMatrixDisplay:
    """Distances between all rows, or the mean distances between classes, as a picture.

    Rows are ordered by their class, where they have one, with lines between classes and their names beside them: what
    is alike within its class, and unlike others, shows as dark squares along the diagonal. The darkest color is that of
    the smallest distance between two rows: those of each to itself, 0, do not count.

    Parameters
    ----------
    distances : ndarray of shape (n, n)
        The distances.
    ticks : list of str or None, default=None
        A name for each row, or for each run of rows between two borders.
    borders : list of int or None, default=None
        Before which rows a class begins, without the first; None has no classes.
    metric : str or None, default=None
        What the distances are, written beside the colors.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    image_ : matplotlib.image.AxesImage
        The distances.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        What its colors mean; None without.
    borders_ : matplotlib.collections.LineCollection
        Lines between classes.
    text_ : ndarray of matplotlib.text.Text of shape (n, n), or None
        The values, where they are written.

    See Also
    --------
    skimgfeat.SimilarityIndex : Finds the nearest of many rows without computing all distances.
    SimilarityDisplay : The images most like one.

    Examples
    --------
    >>> from skimgfeat import DistanceMatrixDisplay
    >>> from skimgfeat.datasets import load_digits
    >>> images, labels = load_digits(return_X_y=True)
    >>> rows = images.reshape(len(images), -1)
    >>> display = DistanceMatrixDisplay.from_features(rows[:100], labels=labels[:100])
    >>> display.distances.shape, len(display.ax_.get_xticks())
    ((100, 100), 10)
    >>> display = DistanceMatrixDisplay.from_features(rows, labels=labels, per="class")
    >>> display.distances.shape
    (10, 10)
    """

    def __init__(self, distances, *, ticks=None, borders=None, metric=None):
        self.distances = distances
        self.ticks = ticks
        self.borders = borders
        self.metric = metric

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        labels=None,
        display_labels=None,
        metric="euclidean",
        per="row",
        ordered=True,
        max_rows=2000,
        cmap="viridis",
        colorbar=True,
        ax=None,
    ):
        """Extract features of images and draw the distances between them.

        Parameters
        ----------
        estimator : transformer
            Fitted: an extractor, or a pipeline that ends with rows.
        X : array-like of images
            What it takes.
        labels : array-like of shape (n,) or None, default=None
            A class for each.
        display_labels : list of str or None, default=None
            Names of the classes, in the order of the sorted labels; None takes the labels.
        metric : str or callable, default="euclidean"
            Of :func:`sklearn.metrics.pairwise_distances`.
        per : {"row", "class"}, default="row"
            Whether to draw each distance, or the mean of those between the rows of two classes, and of one class that
            of different rows. "class" takes any number of rows: distances are computed a block at a time.
        ordered : bool, default=True
            Whether rows are put in the order of their classes. False leaves them as they are, each with its label.
        max_rows : int, default=2000
            How many rows are accepted with ``per="row"``, as memory and picture grow with their square.
        cmap : str or matplotlib colormap, default="viridis"
            Of the distances: near is dark.
        colorbar : bool, default=True
            Whether to tell what the colors mean.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DistanceMatrixDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_features`.
        ImportError
            Without matplotlib.
        """
        return cls.from_features(
            estimator.transform(X),
            labels=labels,
            display_labels=display_labels,
            metric=metric,
            per=per,
            ordered=ordered,
            max_rows=max_rows,
            cmap=cmap,
            colorbar=colorbar,
            ax=ax,
        )

    @classmethod
    def from_features(
        cls,
        X,
        *,
        labels=None,
        display_labels=None,
        metric="euclidean",
        per="row",
        ordered=True,
        max_rows=2000,
        cmap="viridis",
        colorbar=True,
        ax=None,
    ):
        """Draw the distances between rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features), or (n, n) with ``metric="precomputed"``
            Rows, or their distances.
        labels : array-like of shape (n,) or None, default=None
            A class for each.
        display_labels : list of str or None, default=None
            Names of the classes, in the order of the sorted labels; None takes the labels.
        metric : str or callable, default="euclidean"
            Of :func:`sklearn.metrics.pairwise_distances`.
        per : {"row", "class"}, default="row"
            Whether to draw each distance, or the mean of those between the rows of two classes, and of one class that
            of different rows. "class" takes any number of rows: distances are computed a block at a time.
        ordered : bool, default=True
            Whether rows are put in the order of their classes. False leaves them as they are, each with its label.
        max_rows : int, default=2000
            How many rows are accepted with ``per="row"``, as memory and picture grow with their square.
        cmap : str or matplotlib colormap, default="viridis"
            Of the distances: near is dark.
        colorbar : bool, default=True
            Whether to tell what the colors mean.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DistanceMatrixDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            For labels of another number than rows, ``per="class"`` without them, more than ``max_rows`` rows, NaN, and
            an unknown metric.
        ImportError
            Without matplotlib.
        """
        n_rows, name = _num_samples(X), metric if isinstance(metric, str) else getattr(metric, "__name__", "own")
        codes, names = (None, []) if labels is None else _check_labels(labels, display_labels, n_rows)
        if check_choice(_OWNER, "per", per, ("row", "class")) == "class":
            if codes is None:
                raise ValueError(f"{_OWNER}: per='class' needs labels.")
            display = cls(_class_means(X, codes, len(names), metric), ticks=names, metric=f"mean {name}")
            return display.plot(include_values=len(names) <= _MOST_VALUES, cmap=cmap, colorbar=colorbar, ax=ax)
        if n_rows > check_integer(_OWNER, "max_rows", max_rows, minimum=1):
            raise ValueError(
                f"{_OWNER}: X holds {n_rows} rows, more than max_rows={max_rows}; take a sample of them, or "
                "per='class' for the mean distances between classes."
            )
        distances, ticks, borders = pairwise_distances(X, metric=metric), None, None
        if codes is not None and check_flag(_OWNER, "ordered", ordered):
            order = np.argsort(codes, kind="stable")
            distances, ticks = distances[np.ix_(order, order)], names
            borders = np.cumsum(np.bincount(codes))[:-1].tolist()
        elif codes is not None and n_rows <= _MOST_TICKS:
            ticks = [names[code] for code in codes]
        display = cls(distances, ticks=ticks, borders=borders, metric=name)
        return display.plot(cmap=cmap, colorbar=colorbar, ax=ax)

    def plot(self, *, include_values=False, cmap="viridis", colorbar=True, ax=None):
        """Draw the picture.

        Parameters
        ----------
        include_values : bool, default=False
            Whether to write the distances into the picture.
        cmap : str or matplotlib colormap, default="viridis"
            Of the distances: near is dark.
        colorbar : bool, default=True
            Whether to tell what the colors mean.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DistanceMatrixDisplay
            This object.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        ax = get_axes(_OWNER, ax)
        from matplotlib.collections import LineCollection

        n_rows = len(self.distances)
        smallest, extend = _smallest(self.distances)
        self.image_ = ax.imshow(self.distances, cmap=cmap, vmin=smallest)
        self.colorbar_ = None
        if colorbar:
            # As high as the matrix, in a figure of its own.
            size = {"fraction": 0.046, "pad": 0.04}
            label = "distance" if self.metric is None else f"{self.metric} distance"
            self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax, label=label, extend=extend, **size)
        ends = np.array(self.borders or []) - 0.5
        lines = [[(end, -0.5), (end, n_rows - 0.5)] for end in ends] + [
            [(-0.5, end), (n_rows - 0.5, end)] for end in ends
        ]
        self.borders_ = ax.add_collection(LineCollection(lines, colors="white", linewidths=1), autolim=False)
        if self.ticks is not None:
            bounds = np.arange(n_rows + 1) if self.borders is None else np.array([0, *self.borders, n_rows])
            middles = (bounds[:-1] + bounds[1:] - 1) / 2
            # Names that are long, or many, stand upright along the columns.
            upright = 90 if max(map(len, self.ticks)) * len(self.ticks) > 60 else 0
            ax.set_xticks(middles, self.ticks, rotation=upright, parse_math=False)
            ax.set_yticks(middles, self.ticks, parse_math=False)
            ax.tick_params(length=0 if self.borders else 3)
        self.text_ = self._write_values(ax) if include_values else None
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _write_values(self, ax):
        """Write each value in black or white, whichever is read better on its color."""
        text = np.empty(self.distances.shape, dtype=object)
        # Three digits of the largest, and as many places of the others.
        largest = np.max(self.distances, where=np.isfinite(self.distances), initial=1e-9)
        n_places = max(0, 2 - math.floor(math.log10(largest)))
        for (row, col), value in np.ndenumerate(self.distances):
            red, green, blue, _ = self.image_.to_rgba(value)
            color = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else "black"
            shown = "" if np.isnan(value) else f"{value:.{n_places}f}"
            text[row, col] = ax.text(col, row, shown, color=color, ha="center", va="center", fontsize="small")
        return text
