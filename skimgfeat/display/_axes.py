"""Where a picture is drawn."""


def get_axes(owner, ax):
    """Return ``ax``, or for None the axes of a new figure; raise ImportError without matplotlib."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"{owner} needs matplotlib: pip install 'skimgfeat[plot]'.") from error
    return plt.subplots()[1] if ax is None else ax
