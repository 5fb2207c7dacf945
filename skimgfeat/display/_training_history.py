"""How training went, epoch by epoch."""

import numpy as np

from skimgfeat._validation import check_choice
from skimgfeat.display._axes import get_grid

_OWNER = "TrainingHistoryDisplay"
# What is drawn in a panel, and the names that it has with us and in Keras.
_FIGURES: dict[str, dict[str, tuple[str, ...]]] = {
    "loss": {"training": ("train_loss", "loss"), "validation": ("valid_loss", "val_loss")},
    "accuracy": {
        "training": ("train_accuracy", "accuracy", "acc"),
        "validation": ("valid_accuracy", "val_accuracy", "val_acc"),
    },
}
_STYLES = {"training": {"color": "C0", "linestyle": "--"}, "validation": {"color": "C1", "linestyle": "-"}}
_SIZE = (4.2, 3.2)  # of a panel in a figure of its own, in inches


def _check_history(history):
    """Return the known figures by panel and curve, arrays of one length."""
    columns = set(getattr(history, "keys", list)())
    curves: dict[str, dict[str, np.ndarray]] = {}
    for panel, figures in _FIGURES.items():
        for curve, names in figures.items():
            if name := next((name for name in names if name in columns), None):
                curves.setdefault(panel, {})[curve] = np.asarray(history[name], dtype=float)
    if not curves:
        known = ", ".join(names[0] for figures in _FIGURES.values() for names in figures.values())
        raise ValueError(f"{_OWNER}: history must map any of {known} to a number an epoch, got {history!r:.200}.")
    shapes = {curve.shape for found in curves.values() for curve in found.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 1 or shapes == {(0,)}:
        raise ValueError(f"{_OWNER}: history must hold as many numbers of each figure, got shapes {sorted(shapes)}.")
    return curves


def _find_best(curves):
    """Return the first epoch, from 1, of the smallest validation loss, or else the highest validation accuracy."""
    for panel, sign in (("loss", 1), ("accuracy", -1)):
        values = curves.get(panel, {}).get("validation")
        if values is not None and not np.isnan(values).all():
            return int(np.nanargmin(sign * values)) + 1
    return None


class TrainingHistoryDisplay:
    """Loss and accuracy of training and validation, an epoch after the other, with the best epoch marked.

    Parameters
    ----------
    history : dict of str to list of float
        Any of "train_loss", "valid_loss", "train_accuracy" and "valid_accuracy", or by Keras's names "loss",
        "val_loss", "accuracy" and "val_accuracy": an entry an epoch. Others are left out.
    n_iter_no_change : int or None, default=None
        After how many epochs without a smaller loss of validation training was to stop.

    Attributes
    ----------
    axes_ : dict of str to matplotlib.axes.Axes
        The axes of "loss" and of "accuracy", where there are such figures, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        Their figure.
    lines_ : dict of (str, str) to matplotlib.lines.Line2D
        The curves, by panel and by "training" or "validation".
    best_epoch_ : int or None
        The first epoch with the smallest loss of validation, counted from 1, or without that figure with the highest
        accuracy of validation; None without either.
    stopped_early_ : bool
        Whether training ended just ``n_iter_no_change`` epochs after the best.

    See Also
    --------
    skimgfeat.ConvNetClassifier : Keeps the weights of the best epoch of a fit.

    Examples
    --------
    >>> from skimgfeat import TrainingHistoryDisplay
    >>> history = {"train_loss": [2.0, 1.1, 0.7, 0.4], "valid_loss": [2.1, 1.3, 1.4, 1.6]}
    >>> display = TrainingHistoryDisplay.from_history(history, n_iter_no_change=2)
    >>> display.best_epoch_, display.stopped_early_
    (2, True)
    """

    def __init__(self, history, *, n_iter_no_change=None):
        self.history = history
        self.n_iter_no_change = n_iter_no_change

    @classmethod
    def from_estimator(cls, estimator, *, panels=None, ax=None):
        """Draw the history of a fitted classifier.

        Parameters
        ----------
        estimator : ConvNetClassifier, or Pipeline with one at its end
            Fitted.
        panels : list of {"loss", "accuracy"} or None, default=None
            What to draw; None draws what there is.
        ax : matplotlib.axes.Axes, sequence of them, or None, default=None
            One is replaced by a panel beside the other, unless there is one only; of a sequence, each takes a panel.
            None makes a figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            For an estimator without ``history_``, and for panels that there are no figures for.
        ImportError
            Without matplotlib.
        """
        model = getattr(estimator, "best_estimator_", estimator)
        model = model.steps[-1][1] if hasattr(model, "steps") else model
        if not hasattr(model, "history_"):
            raise TypeError(f"{_OWNER}: {type(model).__name__} has no history_; give a fitted ConvNetClassifier.")
        display = cls(model.history_, n_iter_no_change=getattr(model, "n_iter_no_change", None))
        return display.plot(panels=panels, ax=ax)

    @classmethod
    def from_history(cls, history, *, n_iter_no_change=None, panels=None, ax=None):
        """Draw a history from anywhere.

        Parameters
        ----------
        history : dict of str to list of float, or data frame
            As in the class. ``history.history`` of Keras, for one, or
            ``{"train_loss": mlp.loss_curve_, "valid_accuracy": mlp.validation_scores_}`` of scikit-learn.
        n_iter_no_change : int or None, default=None
            After how many epochs without a smaller loss of validation training was to stop.
        panels : list of {"loss", "accuracy"} or None, default=None
            What to draw; None draws what there is.
        ax : matplotlib.axes.Axes, sequence of them, or None, default=None
            One is replaced by a panel beside the other, unless there is one only; of a sequence, each takes a panel.
            None makes a figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            The picture.

        Raises
        ------
        TypeError, ValueError
            For a history without any known figure, figures of different lengths, and panels without figures.
        ImportError
            Without matplotlib.
        """
        return cls(history, n_iter_no_change=n_iter_no_change).plot(panels=panels, ax=ax)

    def plot(self, *, panels=None, ax=None):
        """Draw the picture.

        Parameters
        ----------
        panels : list of {"loss", "accuracy"} or None, default=None
            What to draw; None draws what there is.
        ax : matplotlib.axes.Axes, sequence of them, or None, default=None
            One is replaced by a panel beside the other, unless there is one only; of a sequence, each takes a panel.
            None makes a figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            This object.

        Raises
        ------
        TypeError, ValueError
            For a history or panels that cannot be drawn.
        ImportError
            Without matplotlib.
        """
        curves = _check_history(self.history)
        if panels is not None:
            curves = {panel: curves[check_choice(_OWNER, "panels", panel, curves)] for panel in panels}
        self.axes_ = get_grid(_OWNER, ax, list(curves), [list(curves)], (_SIZE[0] * len(curves), _SIZE[1]))
        from matplotlib.ticker import MaxNLocator

        self.figure_ = next(iter(self.axes_.values())).figure
        n_epochs = len(next(iter(next(iter(curves.values())).values())))
        self.best_epoch_ = _find_best(_check_history(self.history))
        self.stopped_early_ = self.best_epoch_ is not None and n_epochs - self.best_epoch_ == self.n_iter_no_change
        self.lines_ = {}
        for panel, ax_panel in self.axes_.items():
            for curve, values in curves[panel].items():
                self.lines_[panel, curve] = self._draw_curve(ax_panel, curve, values)
            self._draw_best(ax_panel, n_epochs)
            ax_panel.set(xlabel="epoch", ylabel=panel, xlim=(0.5, n_epochs + 0.5))
            ax_panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax_panel.spines[["top", "right"]].set_visible(False)
            ax_panel.legend(frameon=False, fontsize="small")
        return self

    def _draw_curve(self, ax, curve, values):
        """Draw one, with a point where it is that of the best epoch."""
        epochs = np.arange(1, len(values) + 1)
        marks = {"marker": "."} if len(values) == 1 else {}
        (line,) = ax.plot(epochs, values, label=curve, **_STYLES[curve], **marks)
        if curve == "validation" and self.best_epoch_ is not None:
            best = values[self.best_epoch_ - 1]
            ax.plot(
                self.best_epoch_, best, "o", color=line.get_color(), label=f"best epoch {self.best_epoch_}: {best:.3g}"
            )
        return line

    def _draw_best(self, ax, n_epochs):
        """Mark the best epoch, and those that training waited for a better one."""
        if self.best_epoch_ is None:
            return
        ax.axvline(self.best_epoch_, color="0.6", linewidth=0.8, zorder=0)
        if self.stopped_early_:
            label = f"no better for {self.n_iter_no_change} epochs"
            ax.axvspan(self.best_epoch_, n_epochs, color="0.9", zorder=-1, label=label)
