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


def get_grid(owner, ax, layout, figsize):
    """Return axes by their names in ``layout``, rows of names; one that is repeated spans several places.

    In a new figure for None, in the place of one axes where ``ax`` is one, or ``ax`` itself where it is as many.
    Raise ImportError without matplotlib, ValueError for axes of another number.
    """
    layout = np.array(layout)
    names = list(dict.fromkeys(layout.ravel().tolist()))
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
    grid = ax.get_subplotspec().subgridspec(*layout.shape)
    spans = {name: np.argwhere(layout == name) for name in names}
    return {
        name: ax.figure.add_subplot(grid[slice(span[0][0], span[-1][0] + 1), slice(span[0][1], span[-1][1] + 1)])
        for name, span in spans.items()
    }


def draw_image(ax, image, center, side, cmap="gray"):
    """Draw an image whose longer side is ``side``, from 0 to the full scale of its type, 1 for floats."""
    rows, cols = image.shape[:2]
    width, height = (side * length / max(rows, cols) / 2 for length in (cols, rows))
    x, y = center
    pixels, scale = scaled_batch(image)
    if image.ndim == 3:
        pixels, scale = np.clip(pixels / scale, 0, 1), 1
    return ax.imshow(pixels, cmap=cmap, vmin=0, vmax=scale, extent=(x - width, x + width, y + height, y - height))
