"""A small convolutional network, or a multilayer perceptron, as a classifier of images."""

import logging
from copy import deepcopy
from functools import partial

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_consistent_length, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y, check_is_fitted

from skimgfeat._images import check_images
from skimgfeat._lazy import fill_rows
from skimgfeat._validation import check_choice, check_flag, check_integer, check_number, check_random_state_of
from skimgfeat.io import ImageCollection
from skimgfeat.neural._examples import channel_statistics, decode, split
from skimgfeat.neural._network import fill_outputs, find_device, make_network
from skimgfeat.neural._training import Examples, train

_POOLINGS = ("avg", "max")
_OPTIMIZERS = ("adam", "adamw", "sgd")


def _check_units(owner, name, value):
    """Return ``value``, a sequence of numbers of units, as a tuple."""
    if not isinstance(value, (list, tuple)) and not (isinstance(value, np.ndarray) and value.ndim == 1):
        raise TypeError(f"{owner}: {name} must be a tuple of integers, got {value!r}.")
    return tuple(check_integer(owner, name, each, minimum=1) for each in value)


class ConvNetClassifier(ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Classify images by a small convolutional network, trained from scratch.

    By default the network of many a first lesson: two convolutions, each with average pooling, and two fully connected
    layers, all followed by rectifiers [1]_. Without convolutions (``conv_channels=()``) it is a multilayer perceptron.
    Trained with cross-entropy by torch through skorch, on part of the images; the rest decides when to stop.

    Parameters
    ----------
    conv_channels : tuple of int, default=(6, 16)
        The number of filters of each convolution; () for none.
    kernel_size : int, default=3
        Rows and columns of each filter, in pixels. The border is not padded.
    pooling : {"avg", "max"}, default="avg"
        What is kept of each square of ``pool_size`` x ``pool_size`` values after a convolution.
    pool_size : int, default=2
        Side of these squares; 1 for no pooling.
    hidden : tuple of int, default=(120, 84)
        The number of units of each fully connected layer before the last, which has a unit a class.
    max_epochs : int, default=100
        How many times the training images are gone through at most.
    batch_size : int, default=256
        Images that the gradient is computed of at a time.
    optimizer : {"adam", "adamw", "sgd"}, default="adam"
        Which optimizer of ``torch.optim``, with its own settings; "sgd" has a Nesterov momentum of 0.9.
    learning_rate : float, default=1e-3
        Its step size.
    validation_fraction : float or None, default=0.1
        The share of the images that is held out of training, as many of each class as its share, to decide when to stop
        and which weights to keep. None holds nothing out: all epochs are run, and the last weights kept. Not used where
        ``fit`` is given ``X_val`` and ``y_val``.
    n_iter_no_change : int or None, default=10
        Training stops once the loss of the validation images has not fallen for so many epochs; None never stops early.
    horizontal_flip : bool, default=False
        Whether each image is mirrored half of the times that it is trained on.
    max_shift : int, default=0
        By how many pixels at most, at random, it is moved along either side, its border repeated.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss, {label: weight}; "balanced" weighs them inversely to their numbers,
        which ``partial_fit`` cannot know.
    random_state : int, RandomState instance or None, default=None
        Draws the first weights, the images held out, the order and the augmentation. On the processor, an int gives the
        same network each time, with the same number of threads. What goes on with a network, ``partial_fit`` or a
        warm start, goes on with its random numbers; a warm start holds the same images out. Torch's own random numbers
        are neither used nor changed.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before.
    device : str or None, default=None
        Where the network runs, as torch says: "cpu", "cuda". None is "cuda" where there is one, else "cpu".
    callbacks : list or None, default=None
        Callbacks of skorch, such as ``skorch.callbacks.LRScheduler``, that take part in training. They may end it, as
        ``skorch.callbacks.EarlyStopping`` does.
    verbose : bool, default=False
        Whether each epoch is logged at the level INFO rather than DEBUG, to the logger "skimgfeat.neural".
    image_shape : tuple of int or None, default=None
        The (rows, cols) or (rows, cols, channels) that rows given as X stand for; one side may be -1, as in numpy's
        ``reshape``. Images given as images must have this shape where it is not None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    network_ : torch.nn.Sequential
        The network, on the processor; images go in as (n, channels, rows, cols), centered and scaled.
    mean_ : float32 ndarray of shape (n_channels,)
        Mean of each channel of the training images, in scaled units: subtracted from an image before it goes in.
    std_ : float32 ndarray of shape (n_channels,)
        Standard deviation of each channel: divided by then; 1 for a channel that does not vary.
    history_ : dict of str to list of float
        A list a figure, an entry an epoch, as ``pandas.DataFrame`` takes it: "train_loss", "valid_loss",
        "valid_accuracy" and "seconds"; those of validation only where images were held out. The loss of training is
        that of the batches as they came, augmented, and while the weights changed.
    image_shape_ : tuple of int
        Shape of the images seen at ``fit``.
    n_features_in_ : int
        rows x cols x channels of the images seen at ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of the data frame seen at ``fit``, where X was one.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : The perceptron alone, without torch.

    Notes
    -----
    The workshop that these networks are from trains them with binary cross-entropy on a softmax and watches them on the
    images that it trains or tests on; here the loss is the cross-entropy, and images held out are watched. Pixels are
    standardized, not only scaled to [0, 1]. Weights begin as torch draws them.

    Prediction works on blocks of a fixed number of images, and in float64 after the convolutions, so that an image
    gives the same whatever stands beside it.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86(11), 1998, :doi:`10.1109/5.726791`.

    Examples
    --------
    >>> from sklearn.model_selection import train_test_split
    >>> from skimgfeat import ConvNetClassifier
    >>> from skimgfeat.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> net = ConvNetClassifier(conv_channels=(16,), hidden=(64,), batch_size=32, max_epochs=15, random_state=0)
    >>> net.fit(X_train, y_train).score(X_test, y_test) > 0.95
    True
    >>> net.transform(X_test).shape
    (450, 64)
    """

    classes_: np.ndarray

    def __init__(
        self,
        conv_channels=(6, 16),
        kernel_size=3,
        pooling="avg",
        pool_size=2,
        hidden=(120, 84),
        max_epochs=100,
        batch_size=256,
        optimizer="adam",
        learning_rate=1e-3,
        validation_fraction=0.1,
        n_iter_no_change=10,
        horizontal_flip=False,
        max_shift=0,
        class_weight=None,
        random_state=None,
        warm_start=False,
        device=None,
        callbacks=None,
        verbose=False,
        image_shape=None,
    ):
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.pool_size = pool_size
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.horizontal_flip = horizontal_flip
        self.max_shift = max_shift
        self.class_weight = class_weight
        self.random_state = random_state
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.image_shape = image_shape

    def fit(self, X, y, *, X_val=None, y_val=None):
        """Train a network.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images, or rows laid out by ``image_shape``; or an :class:`ImageCollection`, all of which is decoded first.
            Memory maps are read batch by batch.
        y : array-like of shape (n_samples,)
            The class of each image.
        X_val, y_val : array-like or None, default=None
            Images to watch in place of ``validation_fraction`` of X, and their classes. They must not be those to
            test on.

        Returns
        -------
        self : ConvNetClassifier
            The fitted classifier.

        Raises
        ------
        TypeError, ValueError
            For a parameter or input that cannot be used: images too small for the convolutions, a class with too few
            images to hold one out, an image of a collection that cannot be had. Where training diverges.
        ImportError
            Without torch or skorch (the extra ``cnn``).
        """
        random = self._check_parameters()
        goes_on = self.warm_start and hasattr(self, "network_")
        images, y = self._check_examples(X, y, reset=not goes_on)
        classes, labels = np.unique(y, return_inverse=True)
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"{type(self).__name__}: warm_start=True goes on with the classes {self.classes_}, but y holds "
                f"{classes}; set warm_start=False to begin anew."
            )
        self.classes_ = classes
        if not goes_on:
            self._begin_random_numbers(random)
        kept, valid = np.arange(len(labels)), None
        if X_val is not None or y_val is not None:
            watched_images, y_val = self._check_examples(X_val, y_val, reset=False)
            valid = watched_images, self._encode(y_val), np.arange(len(y_val))
        elif self.validation_fraction is not None:
            # Going on, those that have been trained on are no images to watch.
            random = deepcopy(self._first_random_state) if goes_on else self._random_state
            kept, watched = split(type(self).__name__, classes, labels, self.validation_fraction, random)
            valid = images, labels, watched
        network = deepcopy(self.network_) if goes_on else self._draw_network(images, kept)
        self.__dict__.pop("_optimizer_state", None)
        self._train(network, (images, labels, kept), valid, max_epochs=self.max_epochs)
        return self

    def partial_fit(self, X, y, classes=None):
        """Go through some images once, in batches, holding nothing out.

        Parameters
        ----------
        X : array-like or ImageCollection
            As for :meth:`fit`. The first call learns ``mean_`` and ``std_`` from it.
        y : array-like of shape (n_samples,)
            The class of each image.
        classes : array-like of shape (n_classes,) or None, default=None
            All classes that there will be; needed at the first call, unless ``fit`` was called before.

        Returns
        -------
        self : ConvNetClassifier
            The classifier.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`fit`; for classes that are not those of the first call; and for ``class_weight="balanced"``.
        """
        random = self._check_parameters()
        if self.class_weight is not None and not isinstance(self.class_weight, dict):
            raise ValueError(
                f"{type(self).__name__}: class_weight={self.class_weight!r} needs the labels of all images, of which "
                "partial_fit sees some; pass a dict of weights, {label: weight}, as "
                "sklearn.utils.class_weight.compute_class_weight gives them for a sample of the labels."
            )
        begins = not hasattr(self, "network_")
        if begins and classes is None:
            raise ValueError(f"{type(self).__name__}: classes must be passed on the first call to partial_fit.")
        images, y = self._check_examples(X, y, reset=begins)
        if classes is not None:
            classes = np.unique(classes)
            if not begins and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"{type(self).__name__}: classes={classes} is not the same as on the last call, {self.classes_}."
                )
            self.classes_ = classes
        examples = images, self._encode(y), np.arange(len(y))
        if begins:
            self._begin_random_numbers(random)
        network = self._draw_network(images, examples[2]) if begins else deepcopy(self.network_)
        state = getattr(self, "_optimizer_state", None)
        self._optimizer_state = self._train(network, examples, None, max_epochs=1, optimizer_state=state)
        return self

    def predict(self, X):
        """Return the class of each image.

        Parameters
        ----------
        X : array-like or ImageCollection
            Images of the shape seen at ``fit``.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Of ``classes_``.

        Raises
        ------
        ValueError
            For images of another shape than at ``fit``, NaN or infinities, and where an image of a collection cannot
            be had: there is no label for it.
        """
        logits = self._outputs(X, n_layers=None)
        failed = np.isnan(logits[:, 0])
        if failed.any():
            raise ValueError(
                f"{type(self).__name__}: {failed.sum()} of {len(failed)} images cannot be had, and no class can stand "
                "for that; leave them out, as X.check() tells, or use predict_proba, whose rows are NaN there."
            )
        return self.classes_[logits.argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of each class for each image.

        Parameters
        ----------
        X : array-like or ImageCollection
            Images of the shape seen at ``fit``.

        Returns
        -------
        probabilities : float64 ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; NaN for images of a collection that cannot be had, where it has
            ``on_error="nan"``.

        Warns
        -----
        FailedImagesWarning
            Where there are such images.
        """
        return softmax(self._outputs(X, n_layers=None).astype(np.float64), axis=1)

    def transform(self, X):
        """Return what the last layer but one gives for each image: features that classes are linear in.

        Parameters
        ----------
        X : array-like or ImageCollection
            Images of the shape seen at ``fit``.

        Returns
        -------
        features : float32 ndarray of shape (n_samples, n_features_out)
            ``hidden[-1]`` columns (without hidden layers, what comes out of the convolutions); NaN for images of a
            collection that cannot be had, where it has ``on_error="nan"``.

        Warns
        -----
        FailedImagesWarning
            Where there are such images.
        """
        return self._outputs(X, n_layers=-1)

    @property
    def _n_features_out(self):
        return self.network_[-1].in_features

    def _check_parameters(self):
        """Raise TypeError or ValueError for a parameter that cannot be used; return the random numbers."""
        owner = type(self).__name__
        for name in ("conv_channels", "hidden"):
            _check_units(owner, name, getattr(self, name))
        for name in ("kernel_size", "pool_size", "max_epochs", "batch_size"):
            check_integer(owner, name, getattr(self, name), minimum=1)
        check_choice(owner, "pooling", self.pooling, _POOLINGS)
        check_choice(owner, "optimizer", self.optimizer, _OPTIMIZERS)
        if check_number(owner, "learning_rate", self.learning_rate) <= 0:
            raise ValueError(f"{owner}: learning_rate must be above 0, got {self.learning_rate!r}.")
        if self.validation_fraction is not None:
            fraction = check_number(owner, "validation_fraction", self.validation_fraction)
            if not 0 < fraction < 1:
                raise ValueError(f"{owner}: validation_fraction must be between 0 and 1, got {fraction!r}.")
        if self.n_iter_no_change is not None:
            check_integer(owner, "n_iter_no_change", self.n_iter_no_change, minimum=1)
        check_integer(owner, "max_shift", self.max_shift, minimum=0)
        for name in ("horizontal_flip", "warm_start", "verbose"):
            check_flag(owner, name, getattr(self, name))
        if self.class_weight is not None and not isinstance(self.class_weight, dict):
            check_choice(owner, "class_weight", self.class_weight, ("balanced",))
        if not (self.callbacks is None or isinstance(self.callbacks, (list, tuple))):
            raise TypeError(f"{owner}: callbacks must be a list of callbacks of skorch, got {self.callbacks!r}.")
        find_device(owner, self.device)
        return check_random_state_of(owner, self.random_state)

    def _check_examples(self, X, y, *, reset):
        """Return images as an array, and their labels as they are."""
        owner = type(self).__name__
        if y is None:
            raise ValueError(f"{owner} requires y to be passed, but the target y is None.")
        images = check_images(self, X, reset=reset)
        if isinstance(X, ImageCollection):
            images = decode(owner, X, self.image_shape_)
        y = _check_y(y, estimator=self)
        check_classification_targets(y)
        check_consistent_length(images, y)
        return images, y

    def _encode(self, y):
        """Return the place of each label in ``classes_``."""
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"{type(self).__name__}: y holds the classes {unknown}, which are not among {self.classes_}."
            )
        return np.searchsorted(self.classes_, y)

    def _begin_random_numbers(self, random):
        """Keep the random numbers, to go on with them, and a copy as they are now, to hold the same images out."""
        self._random_state, self._first_random_state = random, deepcopy(random)

    def _draw_network(self, images, rows):
        """Learn the scale of the pixels and draw a network."""
        self.mean_, self.std_ = channel_statistics(images, rows)
        self.history_ = {}
        return make_network(
            type(self).__name__,
            self.image_shape_,
            len(self.classes_),
            conv_channels=_check_units("", "", self.conv_channels),
            kernel_size=self.kernel_size,
            pooling=self.pooling,
            pool_size=self.pool_size,
            hidden=_check_units("", "", self.hidden),
            seed=int(self._random_state.randint(2**31 - 1)),
        )

    def _train(self, network, examples, valid, *, max_epochs, optimizer_state=None):
        """Train and keep the network, note the figures of each epoch, and return the state of the optimizer."""
        make_examples = partial(Examples, center=self.mean_, gain=1 / self.std_)
        weights = None
        if self.class_weight is not None:
            _, labels, rows = examples
            weights = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[labels[rows]])
        history, optimizer_state = train(
            type(self).__name__,
            network,
            make_examples(*examples),
            None if valid is None else make_examples(*valid),
            n_iter_no_change=self.n_iter_no_change,
            optimizer_state=optimizer_state,
            batches={
                "random": self._random_state,
                "horizontal_flip": self.horizontal_flip,
                "max_shift": self.max_shift,
            },
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weights=weights,
            max_epochs=max_epochs,
            batch_size=self.batch_size,
            device=find_device(type(self).__name__, self.device),
            callbacks=self.callbacks or [],
            level=logging.INFO if self.verbose else logging.DEBUG,
        )
        self.network_ = network
        shared = [name for name in history if name in (self.history_ or history)]
        self.history_ = {name: self.history_.get(name, []) + history[name] for name in shared}
        return optimizer_state

    def _outputs(self, X, n_layers):
        """Return what the first layers of the network give, float32, a row an image."""
        check_is_fitted(self, "network_")
        device = find_device(type(self).__name__, self.device)
        # What runs elsewhere is a copy: prediction changes no attribute.
        network = self.network_[:n_layers] if device == "cpu" else deepcopy(self.network_[:n_layers])
        n_outputs = len(self.classes_) if n_layers is None else self._n_features_out
        fill = partial(fill_outputs, network, center=self.mean_, gain=1 / self.std_, device=device)
        images = None if isinstance(X, ImageCollection) else check_images(self, X, reset=False)
        out = np.empty((len(X if images is None else images), n_outputs), dtype=np.float32)
        if images is None:
            fill_rows(type(self).__name__, X, self.image_shape_, fill, out, n_jobs=None)
        else:
            fill(images, out)
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
