"""What HOG makes of an image, step by step."""

import numpy as np
from sklearn.base import clone

from skimgfeat._images import scaled_batch
from skimgfeat._validation import check_choice
from skimgfeat.display._axes import get_grid

_OWNER = "HOGDisplay"
_PANELS = ("image", "histogram", "channel", "gx", "gy", "magnitude", "angle", "cells")
_N_BINS = 64  # of the histogram of pixels
_STRONG = 0.99  # the quantile of the magnitudes that is drawn as black or white
_STRONG_CELL = 0.9  # the quantile of the strongest values of the cells that an opaque line stands for
_RAY = 0.8  # the length of a signed line, in cells: those of half a cell are hard to tell apart
_WEAK = 0.05  # of that, below which the angle is that of noise
_INCHES = 2.1  # of a panel in a figure of its own
# A red, a green and a blue that everyone can tell apart (Okabe and Ito).
_CHANNEL_COLORS = ("#d55e00", "#009e73", "#0072b2")


def _layout(panels):
    """Return names in two rows, with the cells large beside them; in one row where there are few."""
    small = [name for name in panels if name != "cells"]
    if len(panels) <= 3:
        return [list(panels)]
    if len(small) % 2:
        # Whatever is second, the histogram as a rule, is two wide; of three, the first, alone in its row.
        wide = 1 if len(small) > 3 else 0
        small.insert(wide, small[wide])
    half = len(small) // 2
    large = ["cells"] * 2 * ("cells" in panels)
    return [small[:half] + large, small[half:] + large]


def _hog_of(estimator, image):
    """Return an unfitted estimator's image in its shape, and the channels that HOG sees of it, as it sees them."""
    from skimgfeat.kernels import reference

    families = getattr(estimator, "families", "hog")
    if not hasattr(estimator, "pixels_per_cell") or (families != "all" and "hog" not in families):
        raise TypeError(
            f"{_OWNER}: the estimator must be HOG, or HandcraftedFeatures with the family 'hog', got {estimator!r}."
        )
    fitted = clone(estimator).fit(np.asarray(image)[np.newaxis])
    image = np.asarray(image).reshape(fitted.image_shape_)
    batch, scale = scaled_batch(image)
    if hasattr(estimator, "families") and image.shape[2:] == (3,):
        batch = reference.luma(batch)
    pixels = batch.reshape(*batch.shape[:2], -1).astype(np.float32) / np.float32(scale)
    return image, np.sqrt(pixels) if estimator.transform_sqrt else pixels


class HOGDisplay:
    """An image, its gradients, and the histograms of oriented gradients of its cells.

    Up to eight panels: "image"; "histogram" of its pixels; "channel", where it has several, the one whose gradient
    counts at each pixel; "gx" and "gy", the differences along columns and along rows, gray where 0; "magnitude" and
    "angle" of the gradient; "cells", a star of lines a cell, the brighter the more magnitude an orientation has in it.

    Parameters
    ----------
    image : ndarray of shape (rows, cols) or (rows, cols, channels)
        The image.
    gx, gy : ndarray of shape (rows, cols)
        Differences of the two neighbors of a pixel along columns and along rows, undivided.
    magnitude : ndarray of shape (rows, cols)
        Of the gradient.
    angle : ndarray of shape (rows, cols)
        In degrees from the direction of growing columns towards that of growing rows, up to 180, or 360 where signed.
    cells : ndarray of shape (n_rows, n_cols, orientations)
        The histogram of each cell: the mean magnitude of its pixels in each orientation, before blocks are normalized.
    pixels_per_cell : tuple (rows, cols) of int
        Size of a cell.
    signed : bool, default=False
        Whether the orientations go around 360 degrees.
    channel : ndarray of int of shape (rows, cols) or None, default=None
        The channel that the gradient of each pixel is of.

    Attributes
    ----------
    axes_ : dict of str to matplotlib.axes.Axes
        The axes of each panel, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        Their figure.
    images_ : dict of str to matplotlib.image.AxesImage
        The pictures, without "histogram" and "cells".
    histograms_ : list of matplotlib.patches.StepPatch
        The histogram of each channel; empty where that panel is not drawn.
    glyphs_ : matplotlib.collections.LineCollection or None
        The lines of the cells, orientation by orientation, cell by cell along each row; None where they are not drawn.

    See Also
    --------
    skimgfeat.HOG : Normalizes blocks of these cells.

    Notes
    -----
    Lines of unsigned orientations run along the edges, across the gradient, through the center of their cell, as those
    of ``skimage.feature.hog(image, visualize=True)``. Lines of signed orientations run from the center along the
    gradient, to the brighter side, a little beyond the cell. All are of one length; how opaque they are is proportional
    to the values, up to what the strongest orientation of one cell in ten exceeds.

    "gx", "gy" and "magnitude" are drawn up to the value that one pixel of a hundred exceeds, and "angle" is left white
    where the magnitude is below a twentieth of that.

    Examples
    --------
    >>> from skimage.data import camera
    >>> from skimgfeat import HOG, HOGDisplay
    >>> display = HOGDisplay.from_estimator(HOG(pixels_per_cell=(16, 16)), camera())
    >>> list(display.axes_)
    ['image', 'histogram', 'gx', 'gy', 'magnitude', 'angle', 'cells']
    >>> display.cells.shape
    (32, 32, 9)
    """

    def __init__(self, image, gx, gy, magnitude, angle, cells, *, pixels_per_cell, signed=False, channel=None):
        self.image = image
        self.gx = gx
        self.gy = gy
        self.magnitude = magnitude
        self.angle = angle
        self.cells = cells
        self.pixels_per_cell = pixels_per_cell
        self.signed = signed
        self.channel = channel

    @classmethod
    def from_estimator(cls, hog, image, *, panels=None, ax=None, color="white", background="black"):
        """Compute what HOG computes of an image, and draw it.

        Parameters
        ----------
        hog : HOG or HandcraftedFeatures
            Its parameters say how; fitted or not. HandcraftedFeatures makes colors gray first.
        image : ndarray of shape (rows, cols) or (rows, cols, channels)
            The image; or a row of pixels, where the estimator has an ``image_shape``.
        panels : list of str or None, default=None
            Which panels to draw; None draws all, "channel" only where there are several.
        ax : matplotlib.axes.Axes, sequence of them, or None, default=None
            One is replaced by a grid of panels, unless there is one panel only; of a sequence, each takes a panel. None
            makes a figure.
        color, background : matplotlib color, default="white" and "black"
            Of the lines, and behind them.

        Returns
        -------
        display : HOGDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            For another estimator, an image or parameters that it refuses, and unknown panels.
        ImportError
            Without matplotlib.
        """
        from skimgfeat.kernels import reference

        image, pixels = _hog_of(hog, image)
        signed, interpolate = getattr(hog, "signed", False), getattr(hog, "interpolate", False)
        gy, gx, channel = reference.differences(pixels)
        magnitude, angle = reference.gradient(pixels, signed)
        cells = reference.cell_histograms(magnitude, angle, hog.orientations, hog.pixels_per_cell, signed, interpolate)
        display = cls(
            image,
            gx,
            gy,
            magnitude,
            angle,
            cells,
            pixels_per_cell=tuple(hog.pixels_per_cell),
            signed=bool(signed),
            channel=channel if pixels.shape[2] > 1 else None,
        )
        return display.plot(panels=panels, ax=ax, color=color, background=background)

    def plot(self, *, panels=None, ax=None, color="white", background="black"):
        """Draw the picture.

        Parameters
        ----------
        panels : list of str or None, default=None
            Which panels to draw; None draws all, "channel" only where there are several.
        ax : matplotlib.axes.Axes, sequence of them, or None, default=None
            One is replaced by a grid of panels, unless there is one panel only; of a sequence, each takes a panel. None
            makes a figure.
        color, background : matplotlib color, default="white" and "black"
            Of the lines, and behind them.

        Returns
        -------
        display : HOGDisplay
            This object.

        Raises
        ------
        TypeError, ValueError
            For unknown panels, and another number of axes than panels.
        ImportError
            Without matplotlib.
        """
        there = [name for name in _PANELS if name != "channel" or self.channel is not None]
        panels = there if panels is None else [check_choice(_OWNER, "panels", name, there) for name in panels]
        panels = list(dict.fromkeys(panels))
        layout = _layout(panels)
        size = len(layout[0]) * _INCHES, len(layout) * (_INCHES + 0.15)
        self.axes_ = get_grid(_OWNER, ax, panels, layout, size)
        self.figure_ = next(iter(self.axes_.values())).figure
        self.images_, self.histograms_, self.glyphs_ = {}, [], None
        for name, panel in self.axes_.items():
            if name == "histogram":
                self._draw_histogram(panel)
            elif name == "cells":
                self._draw_glyphs(panel, color, background)
            else:
                self.images_[name] = self._draw_pixels(panel, name)
        return self

    def _draw_pixels(self, ax, name):
        """Draw what has a value a pixel."""
        strong = max(float(np.quantile(self.magnitude, _STRONG)), np.finfo(float).tiny)
        if name == "image":
            drawn = _draw_image(ax, self.image)
        elif name == "channel":
            drawn = self._draw_channel(ax)
        elif name == "angle":
            angle = np.ma.masked_where(self.magnitude <= _WEAK * strong, self.angle)
            turn = 360 if self.signed else 180
            drawn = ax.imshow(angle, cmap="twilight_shifted", vmin=0, vmax=turn, interpolation="nearest")
            _draw_scale(ax, drawn, [0, turn // 2, turn], format="%d°")
        elif name == "magnitude":
            drawn = ax.imshow(self.magnitude, cmap="gray", vmin=0, vmax=strong)
        else:
            drawn = ax.imshow(getattr(self, name), cmap="gray", vmin=-strong, vmax=strong)
        ax.set(xticks=[], yticks=[], title=name)
        return drawn

    def _draw_channel(self, ax):
        from matplotlib.colors import ListedColormap

        n_channels = self.image.shape[2]
        is_rgb = n_channels == 3
        cmap = ListedColormap(_CHANNEL_COLORS) if is_rgb else "cividis"
        drawn = ax.imshow(self.channel, cmap=cmap, vmin=-0.5, vmax=n_channels - 0.5, interpolation="nearest")
        scale = _draw_scale(ax, drawn, range(n_channels))
        if is_rgb:
            scale.set_ticklabels(["R", "G", "B"])
        return drawn

    def _draw_histogram(self, ax):
        """Draw the number of pixels of each channel in equal steps of the full scale, or of the range of floats."""
        pixels, scale = scaled_batch(self.image)
        pixels = pixels.reshape(-1, *pixels.shape[2:]) if pixels.ndim == 3 else pixels.reshape(-1, 1)
        # A bin of 255 / 64 levels would hold four of them here and three there.
        top = scale + 1 if scale > 1 else max(scale, float(pixels.max()))
        colors = _CHANNEL_COLORS if pixels.shape[1] == 3 else [None] * pixels.shape[1]
        for values, color in zip(pixels.T, colors if pixels.shape[1] > 1 else ["0.35"], strict=True):
            counts, edges = np.histogram(values, bins=_N_BINS, range=(min(0, float(pixels.min())), top))
            self.histograms_.append(ax.stairs(counts, edges, fill=pixels.shape[1] == 1, color=color))
        ax.set(title="histogram", yticks=[], xlim=(edges[0], edges[-1]))
        ax.spines[["top", "right", "left"]].set_visible(False)

    def _draw_glyphs(self, ax, color, background):
        """Draw the histogram of each cell as lines through its center, or from it where orientations are signed."""
        from matplotlib.collections import LineCollection

        n_rows, n_cols, orientations = self.cells.shape
        height, width = self.pixels_per_cell
        row, col, _ = np.indices(self.cells.shape)
        centers = np.stack([(col + 0.5) * width, (row + 0.5) * height], axis=-1) - 0.5
        angles = np.radians((np.arange(orientations) + 0.5) * (360 if self.signed else 180) / orientations)
        along = [np.cos(angles), np.sin(angles)] if self.signed else [-np.sin(angles), np.cos(angles)]
        steps = np.stack(along, axis=-1) * min(height, width) * (_RAY if self.signed else 0.5)
        lines = np.stack([centers if self.signed else centers - steps, centers + steps], axis=-2).reshape(-1, 2, 2)
        strong = max(float(np.quantile(self.cells.max(axis=-1), _STRONG_CELL)), np.finfo(float).tiny)
        alpha = np.minimum(self.cells / strong, 1).ravel()
        glyphs = LineCollection(list(lines), colors=color, alpha=alpha, linewidths=1.2)
        self.glyphs_ = ax.add_collection(glyphs, autolim=False)
        ax.set(xticks=[], yticks=[], title=f"cells of {height} x {width} pixels", aspect="equal", facecolor=background)
        ax.set(xlim=(-0.5, n_cols * width - 0.5), ylim=(n_rows * height - 0.5, -0.5))


def _draw_scale(ax, drawn, ticks, **options):
    """Draw a color bar under a panel, as wide as it."""
    place = ax.inset_axes((0, -0.09, 1, 0.05))
    return ax.figure.colorbar(drawn, cax=place, orientation="horizontal", ticks=ticks, **options)


def _draw_image(ax, image):
    """Draw an image from 0 to its full scale; of other numbers of channels than 1 and 3, their mean."""
    pixels, scale = scaled_batch(image)
    if image.ndim == 3 and image.shape[2] == 3:
        return ax.imshow(np.clip(pixels / scale, 0, 1))
    return ax.imshow(pixels if image.ndim == 2 else pixels.mean(axis=2), cmap="gray", vmin=0, vmax=scale)
