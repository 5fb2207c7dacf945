"""The images most like an image, and the least."""

import numpy as np

from skimgfeat._validation import check_integer
from skimgfeat.display._axes import by_place, draw_image, get_axes

# Of an image, across which the others stand side by side: the space between, and that for two lines of text above.
_GAP, _TEXT = 0.12, 0.36
_INCHES = 1.2  # of an image in a figure of its own


class SimilarityDisplay:
    """The images most like an image in a row above, the least like it in a row below, with labels and distances.

    Parameters
    ----------
    images : sequence of ndarrays of shape (rows, cols) or (rows, cols, 3), or :class:`~skimgfeat.ImageCollection`
        The images that places refer to.
    similar : tuple (distances, indices) of ndarrays of shape (n,)
        The nearest, the first one first, as :meth:`~skimgfeat.SimilarityIndex.kneighbors` gives them for a query.
    dissimilar : tuple (distances, indices) of ndarrays of shape (n,)
        The farthest, as :meth:`~skimgfeat.SimilarityIndex.farthest` gives them.
    query_image : ndarray of shape (rows, cols) or (rows, cols, 3) or None, default=None
        The image asked for, drawn to the left of the others.
    labels : sequence or None, default=None
        A label for each of ``images``, written above it.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    images_ : list of matplotlib.image.AxesImage
        The query where there is one, then the similar, then the dissimilar.
    texts_ : list of matplotlib.text.Text
        What stands above each of ``images_``.

    See Also
    --------
    skimgfeat.SimilarityIndex : Finds them.

    Examples
    --------
    >>> from skimgfeat import SimilarityIndex
    >>> from skimgfeat.datasets import load_digits
    >>> from skimgfeat.display import SimilarityDisplay
    >>> images, labels = load_digits(return_X_y=True)
    >>> X = images.reshape(len(images), -1)
    >>> display = SimilarityDisplay.from_estimator(SimilarityIndex().fit(X), X, images, 0, labels=labels)
    >>> display.texts_[1].get_text().split()
    ['Similar', '877', '0:', '0.68']
    """

    def __init__(self, images, similar, dissimilar, *, query_image=None, labels=None):
        self.images = images
        self.similar = similar
        self.dissimilar = dissimilar
        self.query_image = query_image
        self.labels = labels

    @classmethod
    def from_estimator(cls, index, X, images, query, *, n_images=6, labels=None, ax=None):
        """Find the images most and least like one of those in an index, and draw them.

        Parameters
        ----------
        index : SimilarityIndex
            Fitted.
        X : array-like of shape (n_samples, n_features)
            The rows it was fitted on.
        images : sequence of ndarrays of shape (rows, cols) or (rows, cols, 3), or :class:`~skimgfeat.ImageCollection`
            The image of each row.
        query : int
            The place of the row to ask for. It is left out of what is found.
        n_images : int, default=6
            How many to draw, of either.
        labels : sequence or None, default=None
            A label for each image, written above it.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SimilarityDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            For a query that is no place of a row, for X, images or labels of another length than the index, and for
            more images than there are.
        ImportError
            Without matplotlib.
        """
        owner = cls.__name__
        query = check_integer(owner, "query", query, minimum=0)
        n_images = check_integer(owner, "n_images", n_images, minimum=1)
        for name, given in {"X": X, "images": images, "labels": labels}.items():
            if given is not None and len(given) != index.n_samples_fit_:
                raise ValueError(
                    f"{owner}: {name} must hold one for each of the {index.n_samples_fit_} rows of the index, "
                    f"got {len(given)}."
                )
        if query >= len(X):
            raise ValueError(f"{owner}: query must be less than {len(X)}, the number of rows, got {query}.")
        if n_images >= len(X):
            raise ValueError(
                f"{owner}: n_images must be less than {len(X)}, the number of rows, since the query is left out; "
                f"got {n_images}."
            )
        row, images = X[query : query + 1], by_place(images)
        found = []
        for search in (index.kneighbors, index.farthest):
            distances, indices = (part[0] for part in search(row, n_images + 1))
            # Where others are as far as the query, it may come anywhere among them, or not at all.
            others = np.flatnonzero(indices != query)[:n_images]
            found.append((distances[others], indices[others]))
        return cls(images, *found, query_image=images[query], labels=labels).plot(ax=ax)

    @classmethod
    def from_neighbors(cls, images, similar, dissimilar, *, query_image=None, labels=None, ax=None):
        """Draw what is known to be similar and dissimilar.

        Parameters
        ----------
        images : sequence of ndarrays of shape (rows, cols) or (rows, cols, 3), or :class:`~skimgfeat.ImageCollection`
            The images that places refer to.
        similar : tuple (distances, indices) of ndarrays of shape (n,)
            The nearest.
        dissimilar : tuple (distances, indices) of ndarrays of shape (n,)
            The farthest.
        query_image : ndarray of shape (rows, cols) or (rows, cols, 3) or None, default=None
            The image asked for.
        labels : sequence or None, default=None
            A label for each of ``images``.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SimilarityDisplay
            The picture.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        return cls(images, similar, dissimilar, query_image=query_image, labels=labels).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SimilarityDisplay
            This object.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        is_own = ax is None
        ax = get_axes(type(self).__name__, ax)
        tiles = list(self._tiles())
        self.images_, self.texts_ = [], []
        for line, place, image, text in tiles:
            center = place * (1 + _GAP), line * (1 + _TEXT)
            drawn = draw_image(ax, image, center, side=1)
            self.images_.append(drawn)
            top = drawn.get_extent()[3] - 0.04
            style = {"ha": "center", "va": "bottom", "fontsize": "x-small", "parse_math": False}
            self.texts_.append(ax.text(center[0], top, text, **style))
        n_across = 1 + max((place for _, place, _, _ in tiles), default=0)
        ax.set(xlim=(-0.5 - _GAP, n_across * (1 + _GAP) - 0.5), ylim=(1.55 + _TEXT, -0.5 - _TEXT), aspect="equal")
        ax.set_axis_off()
        if is_own:
            ax.set_position((0, 0, 1, 1))
            ax.figure.set_size_inches(*(_INCHES * abs(end - start) for start, end in (ax.get_xlim(), ax.get_ylim())))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _tiles(self):
        """Yield (line, place in it, image, text)."""
        if self.query_image is not None:
            yield 0, 0, np.asarray(self.query_image), "Query"
        first = int(self.query_image is not None)
        images, labels = by_place(self.images), None if self.labels is None else list(self.labels)
        for line, (name, found) in enumerate((("Similar", self.similar), ("Dissimilar", self.dissimilar))):
            for place, (distance, index) in enumerate(zip(*found, strict=True), start=first):
                label = "" if labels is None else f" {labels[index]}"
                yield line, place, np.asarray(images[index]), f"{name}\n{index}{label}: {distance:.2f}"
