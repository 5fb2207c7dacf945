"""ConvNetClassifier beside torch and NumPy by hand: what goes in, how it is trained, what is kept."""

import io
import logging
import pickle
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skimgfeat import ConvNetClassifier, FailedImagesWarning, ImageCollection, Resize
from skimgfeat.datasets import load_digits
from skimgfeat.neural._training import Batches, Examples

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 12, 14, 3), dtype=np.uint8)
LABELS = np.arange(40) % 2


def small(**parameters):
    return ConvNetClassifier(**{"conv_channels": (4,), "hidden": (7,), "max_epochs": 2, "random_state": 0} | parameters)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, stratify=y, random_state=0)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --- The network


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_convolutions_by_hand(pooling):
    net = small(pooling=pooling, conv_channels=(4, 5)).fit(IMAGES, LABELS)
    first, second, hidden, last = (
        [weights.detach().double() for weights in layer.parameters()]
        for layer in net.network_
        if list(layer.parameters())
    )
    pool = {"avg": torch.nn.functional.avg_pool2d, "max": torch.nn.functional.max_pool2d}[pooling]
    x = torch.from_numpy((IMAGES / 255 - net.mean_) / net.std_).permute(0, 3, 1, 2)
    for weights, bias in (first, second):
        x = pool(torch.nn.functional.conv2d(x, weights, bias).relu(), 2)
    features = (x.reshape(40, -1) @ hidden[0].T + hidden[1]).relu().numpy()
    logits = features @ last[0].numpy().T + last[1].numpy()
    assert_allclose(net.transform(IMAGES), features, rtol=0, atol=1e-5)
    assert_allclose(net.predict_proba(IMAGES), softmax(logits, axis=1), rtol=0, atol=1e-6)
    assert_array_equal(net.predict(IMAGES), logits.argmax(axis=1))


def test_perceptron_by_hand():
    gray = IMAGES[..., 0].astype(np.float64) / 255
    net = small(conv_channels=(), hidden=(9, 7)).fit(gray, LABELS)
    x = (gray.reshape(40, -1) - net.mean_) / net.std_
    for layer in net.network_[1:-1:2]:
        x = np.maximum(x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), 0)
    assert_allclose(net.transform(gray), x, rtol=0, atol=1e-5)


def test_the_workshops_networks():
    def shapes(net):
        return [tuple(weights.shape) for weights in net.network_.parameters() if weights.ndim > 1]

    images, labels = np.zeros((40, 32, 32, 3), np.uint8), np.arange(40) % 10
    images[:, 0] = labels[:, None, None]
    network = ConvNetClassifier(max_epochs=1, validation_fraction=None).fit(images, labels)
    assert shapes(network) == [(6, 3, 3, 3), (16, 6, 3, 3), (120, 576), (84, 120), (10, 84)]
    perceptron = ConvNetClassifier((), hidden=(512, 120, 84), max_epochs=1, validation_fraction=None)
    assert shapes(perceptron.fit(images, labels)) == [(512, 3072), (120, 512), (84, 120), (10, 84)]


def test_statistics_are_those_of_the_images_trained_on():
    net = small(validation_fraction=None).fit(IMAGES, LABELS)
    assert_allclose(net.mean_, (IMAGES / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    assert_allclose(net.std_, (IMAGES / 255).std(axis=(0, 1, 2)), rtol=1e-5)
    constant = IMAGES.copy()
    constant[..., 1] = 77
    assert small().fit(constant, LABELS).std_[1] == 1


# --- Training


def test_digits(digits):
    X_train, X_test, y_train, y_test = digits
    net = small(conv_channels=(16,), hidden=(64,), batch_size=32, max_epochs=15)
    assert net.fit(X_train, y_train).score(X_test, y_test) > 0.95


def test_steps_are_those_of_torch():
    """With every image in one batch, their order is of no account: two steps of Adam by hand."""
    net = small(validation_fraction=None, batch_size=40, learning_rate=0.01)
    first = pickle.loads(pickle.dumps(net.partial_fit(IMAGES, LABELS, classes=[0, 1])))
    net.partial_fit(IMAGES, LABELS)
    twin = small(validation_fraction=None, batch_size=40, learning_rate=1e-30).partial_fit(IMAGES, LABELS, [0, 1])
    network = twin.network_  # as it was drawn
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    x = torch.from_numpy(((IMAGES / 255 - net.mean_) / net.std_).astype(np.float32)).permute(0, 3, 1, 2)
    losses = []
    for fitted in (first, net):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), torch.from_numpy(LABELS))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        for ours, theirs in zip(fitted.network_.parameters(), network.parameters(), strict=True):
            # Adam divides gradients by their size: where one is nearly 0, its rounding shows.
            assert_allclose(ours.detach(), theirs.detach(), rtol=0, atol=5e-4)
    assert_allclose(net.history_["train_loss"], losses, rtol=1e-4)


def test_class_weights_are_those_of_the_loss():
    y = (np.arange(40) < 10).astype(int)
    net = small(validation_fraction=None, batch_size=40, max_epochs=1, learning_rate=1e-30, class_weight="balanced")
    net.fit(IMAGES, y)
    expected = log_loss(y, net.predict_proba(IMAGES), sample_weight=np.where(y == 1, 2, 2 / 3))
    assert_allclose(net.history_["train_loss"], [expected], rtol=1e-5)


def test_balanced_weights_are_not_those_of_a_part():
    net = small(class_weight="balanced")
    with pytest.raises(ValueError, match=r"class_weight='balanced' needs the labels of all .*\{label: weight\}"):
        net.partial_fit(IMAGES, LABELS, classes=[0, 1, 2])
    assert not hasattr(net, "network_")
    # Labels of which a batch has none are no obstacle to weights that are told.
    net.set_params(class_weight={0: 1, 1: 2, 2: 3}).partial_fit(IMAGES, LABELS, classes=[0, 1, 2])


def test_the_best_weights_are_kept(digits):
    X_train, X_test, y_train, y_test = digits
    net = small(batch_size=32, max_epochs=60, learning_rate=0.02, n_iter_no_change=3)
    net.fit(X_train[:300], y_train[:300], X_val=X_test, y_val=y_test)
    losses = net.history_["valid_loss"]
    best = int(np.argmin(losses))
    assert 0 < best == len(losses) - 4
    assert_allclose(log_loss(y_test, net.predict_proba(X_test)), losses[best], rtol=1e-4)
    assert_allclose(net.score(X_test, y_test), net.history_["valid_accuracy"][best])
    assert {name: len(figures) for name, figures in net.history_.items()} == dict.fromkeys(
        ["train_loss", "valid_loss", "valid_accuracy", "seconds"], len(losses)
    )


@pytest.mark.parametrize("options", [{"validation_fraction": None}, {"n_iter_no_change": None}])
def test_without_early_stopping(options):
    net = small(max_epochs=15, learning_rate=0.05, **options).fit(IMAGES, LABELS)
    assert len(net.history_["train_loss"]) == 15
    assert ("valid_loss" in net.history_) == ("validation_fraction" not in options)


def test_what_is_watched_is_not_trained_on(monkeypatch):
    seen = {}

    def train(owner, network, examples, valid, **settings):
        seen.update(examples=examples, valid=valid)
        return {"train_loss": [1.0]}, {}

    monkeypatch.setattr("skimgfeat.neural._conv_net_classifier.train", train)
    y = np.repeat(["a", "b", "c"], [50, 30, 20])
    images = np.arange(100, dtype=np.uint8)[:, None, None].repeat(12, axis=1).repeat(12, axis=2)
    small(validation_fraction=0.2).fit(images, y)
    parts = [part.images[part.rows, 0, 0] for part in seen.values()]
    assert_array_equal(np.sort(np.concatenate(parts)), np.arange(100))
    assert_array_equal(np.unique(y[parts[1]], return_counts=True)[1], [10, 6, 4])
    assert_array_equal(np.array(["a", "b", "c"])[seen["valid"].labels], y)
    small().fit(images[:60], y[:60], X_val=images[40:], y_val=np.repeat(["a", "b"], 30))
    assert_array_equal(seen["examples"].images[seen["examples"].rows], images[:60])
    assert_array_equal(seen["valid"].images[seen["valid"].rows], images[40:])


def test_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    nets = [small(random_state=seed, horizontal_flip=True, max_shift=1).fit(IMAGES, LABELS) for seed in (1, 1, 2)]
    assert_array_equal(torch.rand(3), expected)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    same, other = (nets[index].transform(IMAGES) for index in (1, 2))
    assert_array_equal(nets[0].transform(IMAGES), same)
    assert not np.allclose(same, other)


def test_augmentation():
    """Each image comes as it is, moved by up to 2 pixels with its border repeated, and mirrored or not."""
    images = IMAGES[:30]
    center, gain = np.zeros(3, np.float32), np.full(3, 255, np.float32)
    examples = Examples(images, np.arange(30), np.arange(5, 30), center, gain)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    found = set()
    for _ in range(4):
        for batch, labels in Batches(examples, 8, np.random.RandomState(len(found)), True, 2):
            for image, index in zip(batch.permute(0, 2, 3, 1).numpy().round().astype(np.uint8), labels, strict=True):
                matches = [
                    (top, left, step)
                    for top in range(5)
                    for left in range(5)
                    for step in (1, -1)
                    if np.array_equal(image, padded[index, top : top + 12, left : left + 14][:, ::step])
                ]
                assert len(matches) == 1
                found.update(matches)
    assert len(found) > 40  # of 50


@pytest.fixture
def batches(monkeypatch):
    """The batches that are trained on, as they come."""
    seen = []
    gather = Batches._augment

    def note(self, chosen):
        seen.append(gather(self, chosen))
        return seen[-1]

    monkeypatch.setattr(Batches, "_augment", note)
    return seen


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_what_goes_on_draws_anew(method, batches):
    """Each call shows the images in another order, at other places; from scratch, all of it comes again."""

    def train(net):
        return net.partial_fit(IMAGES, LABELS, classes=[0, 1]) if method == "partial_fit" else net.fit(IMAGES, LABELS)

    options = {"warm_start": True, "max_epochs": 1, "validation_fraction": None, "batch_size": 40}
    net = small(**options, horizontal_flip=True, max_shift=2)
    for _ in range(4):
        train(net)
    first = batches.copy()
    assert len({batch.tobytes() for batch in first}) == 4
    batches.clear()
    twin = train(clone(net))
    for _ in range(3):
        twin = train(pickle.loads(pickle.dumps(twin)))
    assert_array_equal(batches, first)
    assert_array_equal(twin.transform(IMAGES), net.transform(IMAGES))
    batches.clear()
    net.set_params(warm_start=False).fit(IMAGES, LABELS)
    assert_array_equal(batches[0], first[0])


@pytest.mark.parametrize("random_state", [0, None])
def test_a_warm_start_watches_the_same_images(random_state, batches):
    images = np.arange(40, dtype=np.uint8)[:, np.newaxis, np.newaxis].repeat(8, axis=1).repeat(8, axis=2)
    net = small(random_state=random_state, warm_start=True, max_epochs=1, horizontal_flip=True)
    for _ in range(3):
        net.fit(images, LABELS)
    trained_on = [np.sort(batch[:, 0, 0]).tolist() for batch in batches]
    assert len(trained_on[0]) == 36
    assert trained_on == [trained_on[0]] * 3


def test_warm_start():
    net = small(warm_start=True).fit(IMAGES, LABELS)
    before = net.history_["train_loss"]
    again = net.fit(IMAGES, LABELS).history_["train_loss"]
    assert again[:2] == before
    assert len(again) == 4
    assert again[2] < before[0]
    with pytest.raises(ValueError, match="warm_start=True goes on with the classes"):
        net.fit(IMAGES, LABELS + 1)
    assert len(net.set_params(warm_start=False).fit(IMAGES, LABELS + 1).history_["train_loss"]) == 2


def test_partial_fit_needs_to_know_the_classes():
    with pytest.raises(ValueError, match="classes must be passed"):
        small().partial_fit(IMAGES, LABELS)
    net = small().partial_fit(IMAGES, LABELS, classes=[0, 1, 2])
    assert net.predict_proba(IMAGES).shape == (40, 3)
    with pytest.raises(ValueError, match="not the same as on the last call"):
        net.partial_fit(IMAGES, LABELS, classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes \[3\]"):
        net.partial_fit(IMAGES, LABELS + 2)


# --- In company


def test_grid_search_over_the_learning_rate(digits):
    X_train, X_test, y_train, y_test = digits
    net = small(conv_channels=(8,), hidden=(32,), batch_size=32, max_epochs=6)
    pipeline = make_pipeline(Resize((12, 12)), net)
    search = GridSearchCV(pipeline, {"convnetclassifier__learning_rate": [1e-6, 1e-2]}, cv=2).fit(X_train, y_train)
    assert search.best_params_ == {"convnetclassifier__learning_rate": 1e-2}
    assert search.score(X_test, y_test) > 0.9
    twin = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(twin.predict_proba(X_test), search.predict_proba(X_test))


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def test_collections():
    sources = [png(image) for image in IMAGES]
    net = small().fit(ImageCollection(sources), LABELS)
    expected = small().fit(IMAGES, LABELS)
    assert_array_equal(net.transform(ImageCollection(sources)), expected.transform(IMAGES))
    damaged = ImageCollection([*sources[:4], b"no image", *sources[5:]], on_error="nan")
    with pytest.warns(FailedImagesWarning):
        rows = net.predict_proba(damaged)
    assert_array_equal(np.flatnonzero(np.isnan(rows).any(axis=1)), [4])
    with pytest.warns(FailedImagesWarning), pytest.raises(ValueError, match="1 of 40 images cannot be had"):
        net.predict(damaged)
    with pytest.raises(ValueError, match="image 4 of X, 'item 4', cannot be learned from"):
        small().fit(damaged, LABELS)
    mixed = ImageCollection([*sources[:4], png(IMAGES[0, :11])])
    with pytest.raises(ValueError, match="Resize"):
        small().fit(mixed, LABELS[:5])


def test_nan_out_of_a_collection():
    """What a mapped function made of an image is not an image that cannot be had: it is said, and no row of NaN."""

    def stretch(image):
        with np.errstate(invalid="ignore"):
            return (image - image.min()) / (image.max() - image.min())

    sources = [*map(png, IMAGES[:39]), png(np.zeros_like(IMAGES[0]))]
    collection = ImageCollection(sources, dtype="float32").map(stretch, image_shape=IMAGES[0].shape)
    net = small().fit(collection[:39], LABELS[:39])
    for use in (net.predict, net.predict_proba, net.transform, lambda X: small().fit(X, LABELS)):
        with pytest.raises(ValueError, match="ConvNetClassifier: image 39 of X, 'item 39', holds NaN or infinity"):
            use(collection)


class Watcher(skorch.callbacks.Callback):
    """Notes the loss of each epoch, and raises an error in the second."""

    def __init__(self, error=None):
        self.error = error
        self.losses = []

    def on_epoch_end(self, net, **kwargs):
        self.losses.append(net.history[-1, "train_loss"])
        if self.error is not None and len(self.losses) == 2:
            raise self.error


def test_callbacks():
    watcher = Watcher()
    net = small(callbacks=[watcher]).fit(IMAGES, LABELS)
    assert watcher.losses == net.history_["train_loss"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("hook", ["on_epoch_end", "on_batch_end", "on_grad_computed"])
def test_an_interrupt_is_passed_on(number, hook):
    """skorch takes it for the wish to stop training, and would return a classifier that is half trained."""

    def interrupt(net, *args, **kwargs):
        if len(net.history) == 2:
            signal.raise_signal(number)

    callback = skorch.callbacks.Callback()
    setattr(callback, hook, interrupt)
    net = small().fit(IMAGES, LABELS)
    before = net.transform(IMAGES)
    handler = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            net.set_params(max_epochs=9, callbacks=[callback]).fit(IMAGES, LABELS)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, handler)
    assert_array_equal(net.transform(IMAGES), before)


@pytest.mark.parametrize("monitor", ["train_loss", "valid_loss"])
def test_callbacks_may_end_training(monitor):
    rising = {"monitor": monitor, "lower_is_better": False, "threshold": 1e9, "threshold_mode": "abs"}
    callbacks = [skorch.callbacks.EarlyStopping(patience=2, **rising)]
    net = small(max_epochs=40, callbacks=callbacks).fit(IMAGES, LABELS)
    assert [len(figures) for figures in net.history_.values()] == [3, 3, 3, 3]
    best = int(np.argmin(net.history_["valid_loss"]))
    expected = small(max_epochs=best + 1).fit(IMAGES, LABELS)
    assert_array_equal(net.transform(IMAGES), expected.transform(IMAGES))


def test_callbacks_may_end_training_outside_the_main_thread():
    net = small(max_epochs=9, callbacks=[Watcher(KeyboardInterrupt())])
    with ThreadPoolExecutor(1) as pool:
        pool.submit(net.fit, IMAGES, LABELS).result()
    assert len(net.history_["train_loss"]) == 2


def test_an_epoch_that_a_callback_ended_has_no_figures():
    class Stop(skorch.callbacks.Callback):
        def on_batch_end(self, net, **kwargs):
            if len(net.history) == self.epoch:
                raise KeyboardInterrupt

    stop = Stop()
    for stop.epoch in (1, 3):
        net = small(max_epochs=9, callbacks=[stop]).fit(IMAGES, LABELS)
        assert [len(figures) for figures in net.history_.values()] == [stop.epoch - 1] * 4
    assert_allclose(net.history_["train_loss"], small().fit(IMAGES, LABELS).history_["train_loss"])


def test_epochs_are_logged(caplog, capsys):
    with caplog.at_level(logging.INFO, logger="skimgfeat.neural"):
        small().fit(IMAGES, LABELS)
        assert caplog.text == ""
        small(verbose=True).fit(IMAGES, LABELS)
    assert "valid_loss" in caplog.text
    assert "\x1b" not in caplog.text
    assert len(caplog.records) >= 4
    assert capsys.readouterr() == ("", "")


# --- What cannot be done


def test_images_too_small():
    with pytest.raises(ValueError, match=r"7 x 14 pixels are too small for conv_channels=\(6, 16\)"):
        ConvNetClassifier().fit(IMAGES[:, :7], LABELS)


def test_a_class_that_cannot_be_split():
    with pytest.raises(ValueError, match=r"fewest of class 1 with 1: validation_fraction=0\.1 must leave"):
        small().fit(IMAGES, LABELS * (np.arange(40) < 2))
    small(validation_fraction=None).fit(IMAGES, LABELS * (np.arange(40) < 2))


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_every_class_is_left_to_train_on(class_weight):
    """Of two images of a class and a fifth of all to train on, its share rounds to none."""
    y = np.repeat([0, 1, 2], [36, 2, 2])
    net = small(validation_fraction=0.8, class_weight=class_weight)
    with pytest.raises(ValueError, match=r"fewest of class 1 with 2: validation_fraction=0\.8 must leave .* lower it"):
        net.fit(IMAGES, y)
    net.set_params(validation_fraction=0.4).fit(IMAGES, y)


def test_labels_that_were_not_trained_on():
    with pytest.raises(ValueError, match=r"classes \[4 5\], which are not among"):
        small().fit(IMAGES, LABELS, X_val=IMAGES, y_val=LABELS + 4)
    with pytest.raises(ValueError, match="y is None"):
        small().fit(IMAGES, LABELS, X_val=IMAGES)


@pytest.mark.filterwarnings("ignore:overflow|invalid value:RuntimeWarning")
def test_diverging_training():
    with pytest.raises(ValueError, match="training diverged, weights are not finite; choose a smaller learning_rate"):
        small(optimizer="sgd", learning_rate=1e30, max_epochs=5).fit(IMAGES, LABELS)


def test_values_too_large():
    with pytest.raises(ValueError, match="too large to compute with"):
        small().fit(IMAGES * 1e20, LABELS)


@pytest.mark.parametrize("library", ["torch", "skorch"])
def test_without_the_extra(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"ConvNetClassifier needs {library}, .*skimgfeat\[cnn\]"):
        small().fit(IMAGES, LABELS)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        small().predict(IMAGES)
