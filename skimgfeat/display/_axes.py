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


def draw_image(ax, image, center, side, cmap="gray"):
    """Draw an image whose longer side is ``side``, from 0 to the full scale of its type, 1 for floats."""
    rows, cols = image.shape[:2]
    width, height = (side * length / max(rows, cols) / 2 for length in (cols, rows))
    x, y = center
    pixels, scale = scaled_batch(image)
    if image.ndim == 3:
        pixels, scale = np.clip(pixels / scale, 0, 1), 1
    return ax.imshow(pixels, cmap=cmap, vmin=0, vmax=scale, extent=(x - width, x + width, y + height, y - height))
