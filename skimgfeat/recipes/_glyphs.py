"""Images beside their histograms of oriented gradients, as a figure."""

import numpy as np

from skimgfeat.features import HOG

_N_EXAMPLES = 10
_INK = "#1b2a41"


def draw_hog_examples(cases):
    """Draw examples of each data set, and under each its histograms of oriented gradients.

    Each cell shows its histogram as line segments along the edges, that is perpendicular to the gradients; the more
    gradient an orientation has, the longer and darker its segment.

    Parameters
    ----------
    cases : list of DemoCase
        Those whose extractor is HOG are drawn, a pair of rows each.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Not attached to pyplot.

    Raises
    ------
    ImportError
        Without matplotlib.

    Examples
    --------
    >>> from skimgfeat.recipes import draw_hog_examples, load_demo_cases
    >>> figure = draw_hog_examples(load_demo_cases(n_images=30))
    >>> len(figure.axes)
    60
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "draw_hog_examples: figures need matplotlib, which is not installed: pip install 'skimgfeat[plot]'."
        ) from error
    cases = [case for case in cases if isinstance(case.extractor, HOG)]
    figure = Figure(figsize=(1.15 * _N_EXAMPLES, 2.75 * len(cases)), facecolor="white", layout="constrained")
    for band, case in zip(figure.subfigures(len(cases), 1, squeeze=False, hspace=0.04)[:, 0], cases, strict=True):
        _draw_band(band, case)
    return figure


def _draw_band(band, case):
    """Draw examples of one data set: a row of images, a row of glyphs."""
    rows, cols = case.images.shape[1:3]
    cell = case.extractor.pixels_per_cell
    resized = "" if case.size is None else f", resized to {case.size[0]} x {case.size[1]}"
    band.suptitle(
        f"{case.data_set}: {rows} x {cols} pixels{resized}; HOG with cells of {cell[0]} x {cell[1]} pixels",
        fontsize=11,
        color=_INK,
        x=0.01,
        ha="left",
    )
    chosen = _choose_examples(case.target)
    shown, images = case.images[chosen], case.resized_images()[chosen]
    axes = band.subplots(2, _N_EXAMPLES, gridspec_kw={"hspace": 0.03, "wspace": 0.05})
    for index, (above, below) in enumerate(axes.T):
        for axis in (above, below):
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set_color("#b8c0cc")
        above.imshow(shown[index], cmap="gray")
        above.set_title(case.target_names[case.target[chosen[index]]], fontsize=10, color=_INK, pad=3)
        _draw_glyphs(below, images[index], cell, case.extractor.orientations)


def _choose_examples(target):
    """Return the indices of examples that take turns between the classes, in the order of the classes."""
    classes = np.unique(target)
    counts = np.bincount(np.arange(_N_EXAMPLES) % len(classes), minlength=len(classes))
    return np.concatenate([np.flatnonzero(target == c)[:count] for c, count in zip(classes, counts, strict=True)])


def _cell_histograms(image, cell, orientations):
    """Return the histograms of the cells, (cell rows, cell cols, orientations), between 0 and 1."""
    grid = image.shape[0] // cell[0], image.shape[1] // cell[1]
    # One block over the whole image, so that the cells keep their proportions to each other.
    hog = HOG(orientations=orientations, pixels_per_cell=cell, cells_per_block=grid, block_norm="L2")
    histograms = hog.fit_transform(image[None]).reshape(*grid, orientations)
    # Not the maximum: a single sharp edge would leave everything else faint.
    strong = max(np.quantile(histograms, 0.99), np.finfo(np.float32).tiny)
    return np.minimum(histograms / strong, 1)


def _draw_glyphs(axis, image, cell, orientations):
    """Draw the histogram of each cell as segments through its center, in the coordinates of the pixels."""
    from matplotlib.collections import LineCollection

    strengths = _cell_histograms(image, cell, orientations)
    n_rows, n_cols = strengths.shape[:2]
    row, col, _ = np.indices(strengths.shape)
    centers = np.stack([(col + 0.5) * cell[1], (row + 0.5) * cell[0]], axis=-1)
    angles = np.pi * (np.arange(orientations) + 0.5) / orientations
    along_edge = np.stack([-np.sin(angles), np.cos(angles)], axis=-1)
    half = along_edge * (0.5 * min(cell) * np.sqrt(strengths))[..., None]
    segments = np.stack([centers - half, centers + half], axis=-2).reshape(-1, 2, 2)
    axis.add_collection(
        LineCollection(list(segments), colors=_INK, alpha=strengths.ravel(), linewidths=1.6, capstyle="round")
    )
    axis.set(xlim=(0, n_cols * cell[1]), ylim=(n_rows * cell[0], 0), aspect="equal")
