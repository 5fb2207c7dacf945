"""Images beside their histograms of oriented gradients, as a figure."""

import numpy as np

from skimgfeat.display import HOGDisplay
from skimgfeat.features import HOG

_N_EXAMPLES = 10
_INK = "#1b2a41"
_COLORS = {"color": _INK, "background": "white"}


def draw_hog_examples(cases):
    """Draw examples of each data set, and under each its histograms of oriented gradients.

    Each cell shows its histogram as line segments along the edges, that is perpendicular to the gradients; the more
    gradient an orientation has, the darker its segment.

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
    ValueError
        Where there are none of these.
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
    if not cases:
        raise ValueError("draw_hog_examples: cases must hold one or more whose extractor is HOG, got none.")
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
        if index >= len(chosen):  # a small class has fewer
            above.set_axis_off()
            below.set_axis_off()
            continue
        above.set(xticks=[], yticks=[])
        above.imshow(shown[index], cmap="gray")
        above.set_title(case.target_names[case.target[chosen[index]]], fontsize=10, color=_INK, pad=3, parse_math=False)
        HOGDisplay.from_estimator(case.extractor, images[index], panels=["cells"], ax=below, **_COLORS)
        below.set_title("")


def _choose_examples(target):
    """Return the indices of examples that take turns between the classes, in the order of the classes."""
    classes = np.unique(target)
    counts = np.bincount(np.arange(_N_EXAMPLES) % len(classes), minlength=len(classes))
    return np.concatenate([np.flatnonzero(target == c)[:count] for c, count in zip(classes, counts, strict=True)])
