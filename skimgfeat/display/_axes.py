"""Where a picture is drawn, and images in it."""

import numpy as np

from skimgfeat._images import scaled_batch


def get_axes(owner, ax):
    """Return ``ax``, or for None the axes of a new figure; raise ImportError without matplotlib."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"{owner} needs matplotlib: pip install 'skimgfeat[plot]'.") from error
    return plt.subplots()[1] if ax is None else ax


def get_grid(owner, ax, names, layout, figsize):
    """Return axes by their names, laid out in rows of names; one that is repeated spans several places.

    In a new figure for None, in the place of one axes where ``ax`` is one, or ``ax`` itself, name by name, where it is
    as many. Raise ImportError without matplotlib, ValueError for no names and for axes of another number.
    """
    if not names:
        raise ValueError(f"{owner}: panels must name one or more, got none.")
    layout = np.array(layout)
    if ax is not None and (np.ndim(ax) or len(names) == 1):
        axes = np.ravel(ax)
        if len(axes) != len(names):
            raise ValueError(f"{owner}: ax must be one axes, or {len(names)} for {', '.join(names)}; got {len(axes)}.")
        return dict(zip(names, axes, strict=True))
    if ax is None:
        ax = get_axes(owner, None)
        ax.figure.set(figwidth=figsize[0], figheight=figsize[1], layout_engine="constrained")
    # One axes bounds the grid, as in scikit-learn's PartialDependenceDisplay.
    ax.set_axis_off()
    grid = _grid_within(ax, layout.shape)
    spans = {name: np.argwhere(layout == name) for name in names}
    return {
        name: ax.figure.add_subplot(grid[slice(span[0][0], span[-1][0] + 1), slice(span[0][1], span[-1][1] + 1)])
        for name, span in spans.items()
    }


def _grid_within(ax, shape):
    """Return a grid in the place of axes, whether that is part of a grid itself or not."""
    from matplotlib.gridspec import GridSpec

    if ax.get_subplotspec() is not None:
        return ax.get_subplotspec().subgridspec(*shape)
    box = ax.get_position()
    rows, cols = shape
    return GridSpec(rows, cols, figure=ax.figure, left=box.x0, right=box.x1, bottom=box.y0, top=box.y1)


def by_place(images):
    """Return images that are indexed by their place; those of a pandas Series are by its index."""
    return list(images) if hasattr(images, "iloc") else images


def to_unit(image):
    """Return an image with 1 for the full scale of its type, cut off at 0 and there."""
    pixels, scale = scaled_batch(image)
    return np.clip(pixels / scale, 0, 1)


def draw_image(ax, image, center, side, cmap="gray"):
    """Draw an image whose longer side is ``side``, from 0 to the full scale of its type, 1 for floats."""
    rows, cols = image.shape[:2]
    width, height = (side * length / max(rows, cols) / 2 for length in (cols, rows))
    x, y = center
    extent = (x - width, x + width, y + height, y - height)
    return ax.imshow(to_unit(image), cmap=cmap, vmin=0, vmax=1, extent=extent)
