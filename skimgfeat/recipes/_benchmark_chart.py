"""The results of a benchmark as a figure."""

_INK, _THEIRS, _OURS = "#1b2a41", "#9aa5b4", "#2a7f9e"


def draw_benchmark(results):
    """Draw accuracies, and beside them the seconds that fitting and predicting took.

    Parameters
    ----------
    results : list of BenchmarkResult
        A bar each, from top to bottom.

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
    >>> from skimgfeat.recipes import BenchmarkResult, draw_benchmark
    >>> figure = draw_benchmark([BenchmarkResult("cnn", "network", 0.6, 0.6, 300.0, 2.0, 300.0, 2.0, False)])
    >>> len(figure.axes)
    2
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "draw_benchmark: figures need matplotlib, which is not installed: pip install 'skimgfeat[plot]'."
        ) from error
    figure = Figure(figsize=(10, 1.2 + 0.36 * len(results)), facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    places = range(len(results))
    for is_ours, color, label in ((False, _THEIRS, "of the workshop"), (True, _OURS, "beyond it")):
        chosen = [place for place in places if results[place].is_ours == is_ours]
        bars = left.barh(chosen, [results[place].accuracy for place in chosen], color=color, height=0.7, label=label)
        left.bar_label(bars, fmt="%.3f", padding=3, color=_INK, fontsize=9)
    left.set(xlim=(0, 1), xlabel="accuracy on the test images", yticks=places)
    left.set_yticklabels([result.title for result in results], color=_INK)
    left.invert_yaxis()
    # A logarithmic axis has no place for what took no time.
    for name, marker, face in (("fit", "o", _INK), ("predict", "D", "white")):
        seconds = [max(getattr(result, f"{name}_seconds"), 1e-3) for result in results]
        right.plot(seconds, places, marker, color=_INK, markerfacecolor=face, markersize=6, label=name, clip_on=False)
    right.set(xscale="log", xlabel="seconds")
    right.grid(axis="both", color="#dde2e9", linewidth=0.8)
    right.set_axisbelow(True)
    for axes in (left, right):
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure
