"""What parts of an image a model looks at."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimgfeat._images import scaled_batch
from skimgfeat._validation import check_image_shape
from skimgfeat.display._axes import get_axes
from skimgfeat.display._places import pixel_places, places_after, places_of

_OWNER = "FeatureImportanceDisplay"


def _check_importances(importances, n_columns):
    """Return one number a column, none below 0, of a sum of 1."""
    values = np.asarray(getattr(importances, "importances_mean", importances), dtype=float)
    if values.ndim != 1 or len(values) not in n_columns:
        wanted = " or ".join(f"{number} {what}" for number, what in n_columns.items())
        raise ValueError(f"{_OWNER}: importances must be one for each of {wanted}, got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{_OWNER}: importances hold NaN or infinities.")
    values = np.maximum(values, 0)
    if not values.any():
        raise ValueError(f"{_OWNER}: no importance is above 0: there is nothing to show.")
    return values / values.sum()


def _importances_of(model, spread):
    """Return the importances of a fitted forest, or the sizes of coefficients, times the spread of their columns."""
    check_is_fitted(model)
    if hasattr(model, "feature_importances_"):
        return model.feature_importances_
    if not hasattr(model, "coef_"):
        raise TypeError(
            f"{_OWNER}: {type(model).__name__} has neither feature_importances_ nor coef_; give importances, for "
            "instance those of sklearn.inspection.permutation_importance."
        )
    coefficients = model.coef_.toarray() if hasattr(model.coef_, "toarray") else model.coef_
    return np.abs(np.atleast_2d(coefficients)).mean(axis=0) * spread()


def _steps_of(estimator):
    """Return the steps of a fitted estimator, the model last."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(estimator, Pipeline):
        return [estimator]
    *before, (_, last) = estimator.steps
    return [step for _, step in before] + _steps_of(last)


def _spread_of(before, X):
    """Return the standard deviation of the columns that the model sees; 1 without images."""
    if X is None:
        return 1.0
    for step in before:
        X = X if step is None or step == "passthrough" else step.transform(X)
    return np.asarray(X, dtype=float).std(axis=0)


class FeatureImportanceDisplay:
    """The importances of a model's columns, laid back on the pixels that the columns are of.

    For forests, linear models, and importances from elsewhere, over columns whose names tell a place: pixels, HOG,
    zones, sums of rows and columns, halves, diagonals, cells of :class:`~skimgfeat.ColorGrid` and of
    :class:`~skimgfeat.PatchFeatures`. The importance of a column is shared among the pixels that it is of.

    Parameters
    ----------
    importances : ndarray of shape (rows, cols)
        The share that each pixel has of all importance.
    elsewhere : float, default=0.0
        The share of columns without a place, such as those of a histogram of the whole image; with it, the sum is 1.
    image : ndarray of shape (any rows, any cols) or (any rows, any cols, 3) or None, default=None
        An image to lay it on, stretched to the same size.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    image_ : matplotlib.image.AxesImage
        The picture of the importances.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        What its colors mean; None without.

    See Also
    --------
    sklearn.inspection.permutation_importance : Importances of any model, on images it has not seen.

    Notes
    -----
    A pixel's share is what the model puts on columns, not what the pixel alone tells. Of HOG, the importance of a
    column goes to the pixels that vote for its cell, as much as their votes count: evenly over the cell, or, with
    ``interpolate=True``, falling off to the middle of the next cells. A gradient reaches one pixel further; and since
    blocks are normalized together, a column also depends a little on the other cells of its block.

    Coefficients are compared by their size, of several classes by the mean of their sizes. That is fair where columns
    are of one scale, behind a :class:`~sklearn.preprocessing.StandardScaler` say; of others, give ``X``, and
    coefficients are multiplied by the standard deviation of their column. Neighboring pixels are alike, and linear
    models share out among them what either could tell; a forest's importances are those of training, and favor
    columns of many values.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skimgfeat import FeatureImportanceDisplay, Flatten
    >>> from skimgfeat.datasets import load_digits
    >>> images, labels = load_digits(return_X_y=True)
    >>> model = make_pipeline(Flatten(), LogisticRegression(max_iter=500)).fit(images, labels)
    >>> display = FeatureImportanceDisplay.from_estimator(model)
    >>> display.importances.shape, round(float(display.importances.sum()), 6)
    ((8, 8), 1.0)
    """

    def __init__(self, importances, *, elsewhere=0.0, image=None):
        self.importances = importances
        self.elsewhere = elsewhere
        self.image = image

    @classmethod
    def from_estimator(
        cls, estimator, *, X=None, importances=None, image_shape=None, image=None, cmap=None, colorbar=True, ax=None
    ):
        """Draw the importances of a fitted model.

        Parameters
        ----------
        estimator : Pipeline, or estimator
            Fitted: steps from images to images, an extractor or a union of them, steps that scale or select columns,
            and a model with ``feature_importances_`` or ``coef_``. A search counts as its ``best_estimator_``.
        X : array-like of images, or of rows with ``image_shape``, or None, default=None
            Images to learn the spread of columns from, by which coefficients are multiplied then; None takes
            coefficients as they are.
        importances : array-like of shape (n_columns,), or result of permutation_importance, or None, default=None
            One for each column that the model sees, or else for each pixel of the images, in place of the model's own.
            Those below 0 count as 0.
        image_shape : tuple (rows, cols) or (rows, cols, channels) or None, default=None
            What image a row is, where ``estimator`` takes rows of pixels and has no extractor.
        image : ndarray of shape (any rows, any cols) or (any rows, any cols, 3) or None, default=None
            An image to lay it on.
        cmap : str, matplotlib colormap, or None, default=None
            Of the importances. None is "viridis", or over an image orange, the less transparent the more.
        colorbar : bool, default=True
            Whether to tell what the colors mean.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FeatureImportanceDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            For a model without importances, steps whose columns cannot be traced back to pixels, importances of another
            number, and where all are 0 or none has a place.
        ImportError
            Without matplotlib.
        """
        *before, model = _steps_of(estimator)
        image_shape = check_image_shape(_OWNER, image_shape)
        if image_shape is not None and -1 in image_shape:
            raise ValueError(f"{_OWNER}: image_shape must tell every side, got {image_shape}.")
        places = places_after(_OWNER, before, image_shape)
        n_columns = {len(places.which): "columns that the model sees"}
        if importances is None:
            importances = _importances_of(model, lambda: _spread_of(before, X))
        elif image_shape is None and (shape := getattr(before[0], "image_shape_", None)) is not None:
            n_columns.setdefault(int(np.prod(shape)), "pixels")
        shares = _check_importances(importances, n_columns)
        if len(shares) != len(places.which):
            places = pixel_places(before[0].image_shape_)
        return cls._from_places(places, shares, image).plot(cmap=cmap, colorbar=colorbar, ax=ax)

    @classmethod
    def from_importances(cls, importances, extractor, *, image=None, cmap=None, colorbar=True, ax=None):
        """Draw importances of the columns of an extractor, where these were computed beforehand.

        Parameters
        ----------
        importances : array-like of shape (n_columns,), or result of permutation_importance
            One for each column of the extractor. Those below 0 count as 0.
        extractor : estimator
            Fitted, or a fitted union or pipeline of such, as for :meth:`from_estimator`.
        image : ndarray of shape (any rows, any cols) or (any rows, any cols, 3) or None, default=None
            An image to lay it on.
        cmap : str, matplotlib colormap, or None, default=None
            Of the importances. None is "viridis", or over an image orange, the less transparent the more.
        colorbar : bool, default=True
            Whether to tell what the colors mean.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FeatureImportanceDisplay
            The picture.

        Raises
        ------
        ValueError
            For another number of importances, and where all are 0 or none has a place.
        ImportError
            Without matplotlib.
        """
        places = places_of(_OWNER, extractor)
        shares = _check_importances(importances, {len(places.which): "columns of the extractor"})
        return cls._from_places(places, shares, image).plot(cmap=cmap, colorbar=colorbar, ax=ax)

    @classmethod
    def _from_places(cls, places, shares, image):
        picture, elsewhere = places.spread(shares)
        if not picture.any():
            raise ValueError(
                f"{_OWNER}: no column that counts has a place in the image; all are of the whole of it, as histograms."
            )
        return cls(picture, elsewhere=float(elsewhere), image=image)

    def plot(self, *, cmap=None, colorbar=True, ax=None):
        """Draw the picture.

        Parameters
        ----------
        cmap : str, matplotlib colormap, or None, default=None
            Of the importances. None is "viridis", or over an image orange, the less transparent the more.
        colorbar : bool, default=True
            Whether to tell what the colors mean.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FeatureImportanceDisplay
            This object.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        ax = get_axes(_OWNER, ax)
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        rows, cols = self.importances.shape
        extent = (-0.5, cols - 0.5, rows - 0.5, -0.5)
        if self.image is not None:
            pixels, scale = scaled_batch(np.asarray(self.image))
            ax.imshow(np.clip(pixels / scale, 0, 1), cmap="gray", vmin=0, vmax=1, extent=extent)
            cmap = cmap or LinearSegmentedColormap.from_list("orange", [(1, 0.5, 0, 0), (1, 0.5, 0, 0.9)])
        largest = self.importances.max()
        self.image_ = ax.imshow(
            self.importances, cmap=cmap or "viridis", vmin=0, vmax=largest, extent=extent, interpolation="nearest"
        )
        self.colorbar_ = None
        if colorbar:
            # As high as the picture, in a figure of its own.
            size = {"fraction": 0.046, "pad": 0.04}
            ticks = {"ticks": MaxNLocator(5), "format": PercentFormatter(1)}
            self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax, label="importance of a pixel", **size, **ticks)
        ax.set(xticks=[], yticks=[])
        if self.elsewhere > 0:
            ax.set_xlabel(f"{self.elsewhere:.1%} of the importance has no place")
        self.ax_, self.figure_ = ax, ax.figure
        return self
