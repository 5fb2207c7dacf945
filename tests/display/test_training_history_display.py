"""Pictures of training: which numbers are drawn, and which epoch is the best."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skimgfeat import ConvNetClassifier, Resize, TrainingHistoryDisplay

mpl.use("Agg")

HISTORY = {
    "train_loss": [3.0, 2.0, 1.0, 0.5],
    "valid_loss": [3.5, 2.5, 2.5, 2.75],
    "train_accuracy": [0.1, 0.5, 0.6, 0.9],
    "valid_accuracy": [0.1, 0.4, 0.5, 0.6],
    "seconds": [1, 1, 1, 1],
}


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_curves():
    display = TrainingHistoryDisplay.from_history(HISTORY)
    assert list(display.axes_) == ["loss", "accuracy"]
    for (panel, curve), line in display.lines_.items():
        name = f"{ {'training': 'train', 'validation': 'valid'}[curve] }_{panel}"
        assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
        assert_array_equal(line.get_ydata(), HISTORY[name])
        assert line in display.axes_[panel].lines
    assert len(display.lines_) == 4


def test_the_best_epoch_is_marked():
    """The first of the smallest loss; in the other panel, too."""
    display = TrainingHistoryDisplay.from_history(HISTORY)
    assert display.best_epoch_ == 2
    for panel, value, text in (("loss", 2.5, "2.5"), ("accuracy", 0.4, "0.4")):
        (mark,) = [line for line in display.axes_[panel].lines if line.get_marker() == "o"]
        assert mark.get_xydata().tolist() == [[2, value]]
        assert f"best epoch 2: {text}" in legend_of(display.axes_[panel])


@pytest.mark.parametrize(("n_iter_no_change", "stopped"), [(1, False), (2, True), (3, False), (None, False)])
def test_early_stopping(n_iter_no_change, stopped):
    display = TrainingHistoryDisplay.from_history(HISTORY, n_iter_no_change=n_iter_no_change)
    assert display.stopped_early_ is stopped
    spans = display.axes_["loss"].patches
    assert len(spans) == stopped
    if stopped:
        assert (spans[0].get_x(), spans[0].get_width()) == (2, 2)
        assert "no better for 2 epochs" in legend_of(display.axes_["loss"])


@pytest.mark.parametrize(
    ("history", "drawn", "best"),
    [
        ({"loss": [2, 1], "val_loss": [1, 2], "accuracy": [0, 1], "val_acc": [1, 0]}, 4, 1),
        ({"train_loss": [2, 1], "valid_accuracy": [0.4, 0.6]}, 2, 2),
        ({"train_loss": [2, 1, 3]}, 1, None),
        ({"val_loss": [1, 2], "valid_loss": [2, 1]}, 1, 2),
        ({"valid_loss": [np.nan, 2, 1]}, 1, 3),
        ({"valid_loss": [np.nan, np.nan], "valid_accuracy": [0.5, 0.4]}, 2, 1),
        ({"valid_loss": [0.7]}, 1, 1),
        (pd.DataFrame(HISTORY, index=[7, 3, 2, 1]), 4, 2),
    ],
)
def test_other_histories(history, drawn, best):
    display = TrainingHistoryDisplay.from_history(history)
    assert len(display.lines_) == drawn
    assert display.best_epoch_ == best
    display.figure_.canvas.draw()


def test_panels_and_axes():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2)
    display = TrainingHistoryDisplay.from_history(HISTORY, panels=["accuracy"], ax=axes[1])
    assert display.axes_ == {"accuracy": axes[1]}
    assert display.figure_ is figure
    assert display.best_epoch_ == 2
    both = TrainingHistoryDisplay.from_history(HISTORY, ax=axes)
    assert list(both.axes_.values()) == axes.tolist()


@pytest.mark.parametrize("end", [5, 40])
def test_from_estimator(end):
    """The best epoch is the one whose weights the network has kept."""
    pytest.importorskip("skorch")
    random = np.random.default_rng(0)
    images = random.random((60, 12, 12)).astype(np.float32)
    labels = random.integers(0, 2, 60)
    net = ConvNetClassifier(
        conv_channels=(2,), hidden=(8,), max_epochs=end, n_iter_no_change=4, learning_rate=0.02, random_state=0
    )
    net.fit(images[:40], labels[:40], X_val=images[40:], y_val=labels[40:])
    display = TrainingHistoryDisplay.from_estimator(net)
    assert_array_equal(display.lines_["loss", "training"].get_ydata(), net.history_["train_loss"])
    probabilities = net.predict_proba(images[40:])[np.arange(20), labels[40:]]
    kept = net.history_["valid_loss"][display.best_epoch_ - 1]
    np.testing.assert_allclose(-np.log(probabilities).mean(), kept, rtol=1e-5)
    n_epochs = len(net.history_["valid_loss"])
    assert display.stopped_early_ == (n_epochs < end)
    piped = make_pipeline(Resize((12, 12)), net)
    assert TrainingHistoryDisplay.from_estimator(piped).best_epoch_ == display.best_epoch_


@pytest.mark.parametrize(
    ("history", "options", "error", "message"),
    [
        ({"seconds": [1]}, {}, ValueError, "history must map any of train_loss, .* got {'seconds'"),
        ([1, 2], {}, ValueError, "history must map any of"),
        ({"loss": []}, {}, ValueError, "as many numbers of each figure"),
        ({"loss": [1, 2], "val_loss": [1]}, {}, ValueError, r"got shapes \[\(1,\), \(2,\)\]"),
        ({"loss": [1, 2]}, {"panels": ["accuracy"]}, ValueError, "panels must be one of"),
    ],
)
def test_what_cannot_be_drawn(history, options, error, message):
    with pytest.raises(error, match=f"^TrainingHistoryDisplay: .*{message}"):
        TrainingHistoryDisplay.from_history(history, **options)


def test_estimators_without_history():
    with pytest.raises(TypeError, match=r"^TrainingHistoryDisplay: LogisticRegression has no history_;"):
        TrainingHistoryDisplay.from_estimator(LogisticRegression())


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^TrainingHistoryDisplay needs matplotlib: pip install"):
        TrainingHistoryDisplay(HISTORY).plot()


def test_axes_with_fixed_ticks():
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1]
    ax.set_xticks([0, 1])
    display = TrainingHistoryDisplay.from_history({"loss": [2.0, 1.0]}, ax=ax)
    assert display.axes_["loss"] is ax
    assert all(tick == round(tick) for tick in ax.get_xticks())
