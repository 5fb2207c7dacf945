"""Training by skorch: batches, augmentation, early stopping."""

import logging
import re
import signal
import threading
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np

from skimgfeat.neural._network import as_network_input, import_torch

_LOGGER = logging.getLogger("skimgfeat.neural")
# What is kept of each epoch, by skorch's names.
_FIGURES = {
    "train_loss": "train_loss",
    "valid_loss": "valid_loss",
    "valid_accuracy": "valid_accuracy",
    "dur": "seconds",
}


class Examples(NamedTuple):
    """Some of the images, the number of each one's class, and how their channels are centered and scaled."""

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    center: np.ndarray
    gain: np.ndarray


class Batches:
    """What skorch asks for batches of tensors, in place of a DataLoader: whole batches are gathered at once.

    With ``random``, images come in random order, each shifted by up to ``max_shift`` pixels (the border repeated) and,
    with ``horizontal_flip``, mirrored half of the time.
    """

    def __init__(self, examples, batch_size, random=None, horizontal_flip=False, max_shift=0):
        self.examples = examples
        self.batch_size = batch_size
        self.random = random
        self.horizontal_flip = horizontal_flip
        self.max_shift = max_shift

    def __iter__(self):
        import torch

        images, labels, rows, center, gain = self.examples
        order = rows if self.random is None else self.random.permutation(rows)
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            batch = self._augment(chosen) if self.horizontal_flip or self.max_shift else images[chosen]
            yield as_network_input(batch, center, gain), torch.from_numpy(labels[chosen])

    def _augment(self, chosen):
        """Gather images with their rows and columns moved; one look-up does it all."""
        images = self.examples.images
        n_rows, n_cols = images.shape[1:3]
        shifts = self.random.randint(-self.max_shift, self.max_shift + 1, size=(2, len(chosen), 1))
        rows = np.clip(np.arange(n_rows) + shifts[0], 0, n_rows - 1)
        cols = np.clip(np.arange(n_cols) + shifts[1], 0, n_cols - 1)
        if self.horizontal_flip:
            mirrored = self.random.randint(2, size=len(chosen)) == 1
            cols[mirrored] = cols[mirrored, ::-1]
        return images[chosen[:, None, None], rows[:, :, None], cols[:, None, :]]


def train(owner, network, examples, valid=None, *, n_iter_no_change=None, optimizer_state=None, **settings):
    """Train a network where it stands.

    With ``valid``, other examples, the weights of the epoch with the smallest loss on them are put back at the end, and
    training ends ``n_iter_no_change`` epochs after it. ``settings`` are those of :func:`_make_trainer`.

    Returns
    -------
    history : dict of str to list of float
        The figures of each epoch.
    optimizer_state : dict
        What ``torch.optim.Optimizer.state_dict`` gives.
    """
    trainer = _make_trainer(owner, network, examples, valid, n_iter_no_change, **settings).initialize()
    if optimizer_state is not None:
        trainer.optimizer_.load_state_dict(optimizer_state)
    with _passing_interrupts_on():
        trainer.partial_fit(None)
    network.to("cpu")
    if not all(bool(weights.isfinite().all()) for weights in network.parameters()):
        raise ValueError(f"{owner}: training diverged, weights are not finite; choose a smaller learning_rate.")
    # A callback may end training within an epoch, which has no figures then.
    epochs = [epoch for epoch in trainer.history if "train_loss" in epoch]
    keys = [key for key in _FIGURES if valid is not None or not key.startswith("valid")]
    history = {_FIGURES[key]: [float(epoch[key]) for epoch in epochs] for key in keys}
    return history, _on_processor(trainer.optimizer_.state_dict())


def _on_processor(state):
    """Return the state of an optimizer with its tensors on the processor, so that a pickle of it opens anywhere."""
    if isinstance(state, dict):
        return {name: _on_processor(value) for name, value in state.items()}
    return state.cpu() if hasattr(state, "cpu") else state


def _make_trainer(
    owner,
    network,
    examples,
    valid,
    n_iter_no_change,
    *,
    batches,
    optimizer,
    learning_rate,
    weights,
    max_epochs,
    batch_size,
    device,
    callbacks,
    level,
):
    """Return skorch's net around a network, which logs each epoch at a level of ``logging``."""
    torch = import_torch(owner)
    try:
        from skorch import NeuralNet
        from skorch.callbacks import BatchScoring, EarlyStopping
    except ImportError as error:
        raise ImportError(f"{owner} needs skorch, which is not installed: pip install 'skimgfeat[cnn]'.") from error
    optimizer_class, options = {
        "adam": (torch.optim.Adam, {}),
        "adamw": (torch.optim.AdamW, {}),
        "sgd": (torch.optim.SGD, {"optimizer__momentum": 0.9, "optimizer__nesterov": True}),
    }[optimizer]
    watching = []
    if valid is not None:
        watching = [
            ("valid_accuracy", BatchScoring(_accuracy, lower_is_better=False, name="valid_accuracy")),
            ("stopping", EarlyStopping(patience=n_iter_no_change or max_epochs, threshold=0, load_best=True)),
        ]
    return NeuralNet(
        network,
        criterion=torch.nn.CrossEntropyLoss,
        criterion__weight=None if weights is None else torch.tensor(weights, dtype=torch.float32),
        optimizer=optimizer_class,
        lr=learning_rate,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=partial(Batches, **batches),
        iterator_valid=Batches,
        dataset=examples,
        train_split=None if valid is None else partial(_with, valid),
        callbacks=[*watching, *callbacks],
        callbacks__print_log__sink=partial(_log, level),
        device=device,
        verbose=0,
        **options,
    )


def _log(level, text):
    """Log a line of skorch's table, without its colors."""
    _LOGGER.log(level, re.sub(r"\x1b\[\d*m", "", text))


def _with(valid, examples):
    """Return what skorch calls a split: examples to train on, and those to watch."""
    return examples, valid


def _accuracy(trainer, X, y):
    """Return the share of a batch that is classified rightly; skorch has kept what the network gave for it."""
    return float((trainer.forward(X).argmax(dim=1) == y).float().mean())


@contextmanager
def _passing_interrupts_on():
    """Raise at the end what Control-C, or another signal, raised within the block, even if it was caught there.

    skorch takes any KeyboardInterrupt for the wish of a callback to stop, and keeps it to itself. Which one is a wish
    and which is not, the handlers of the signals know; they are called in the main thread only.
    """
    raised = []

    def noting(handler):
        def handle(number, frame):
            try:
                handler(number, frame)
            except KeyboardInterrupt as error:
                raised.append(error)
                raise

        return handle

    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if is_main}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number, handler in handlers.items():
            signal.signal(number, noting(handler))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if raised:
        raise raised[0]
