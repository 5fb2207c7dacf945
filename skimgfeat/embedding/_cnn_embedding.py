"""What a trained network sees in an image, as a row."""

import json
import os
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skimgfeat._base import ImageFeatures
from skimgfeat._images import check_images_of_any_size, resolve_shape
from skimgfeat._lazy import fill_rows
from skimgfeat._parallel import count_threads, run_in_two
from skimgfeat._validation import check_choice, check_flag, check_integer, check_n_jobs
from skimgfeat.embedding._backends import BACKENDS, PRECISIONS
from skimgfeat.embedding._graph import POOLINGS
from skimgfeat.embedding._libraries import import_torch
from skimgfeat.embedding._models import check_model, published_preparation
from skimgfeat.embedding._network import Plan, check_device, load_network, on_threads, pack_state
from skimgfeat.embedding._preparation import check_preparation
from skimgfeat.embedding._weights import (
    check_sha256,
    check_weights,
    describe_weights,
    fetch_weights,
    find_published_name,
    find_weights,
    relocate,
)
from skimgfeat.io import ImageCollection, atomic_write

_FORMAT = 1
_FILE = "model_info.json"
# The parameters that a file tells as they are.
_TOLD = ("model", "layer", "pooling", "precision", "backend", "preprocessing", "random_state", "batch_size")
# What decides the numbers.
_PACKAGES = ("skimgfeat", "torch", "torchvision", "timm", "openvino", "onnx", "onnxruntime", "onnxscript", "pillow")


def _check_layer(owner, layer):
    """Return the names of layers as a tuple, or None."""
    if layer is None:
        return None
    names = (layer,) if isinstance(layer, str) else layer
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{owner}: layer must be None, the name of a node or a list of such names, got {layer!r}.")
    if len(set(names)) < max(1, len(names)):
        raise ValueError(f"{owner}: layer must name each node once, and one at least, got {layer!r}.")
    return tuple(names)


def _check_seed(owner, random_state):
    """Return the seed; only a number makes the same weights again in another process."""
    seed = check_integer(owner, "random_state", random_state, minimum=0)
    if seed >= 2**32:
        raise ValueError(f"{owner}: random_state must be below 2**32, got {random_state!r}.")
    return seed


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _prepare_one(image, preparation, image_shape):
    """Return one image as the network takes it; what a collection keeps to apply later."""
    resolve_shape("CNNEmbedding", image_shape, image.shape)
    return preparation(image)


def _read_info(version_of_format, info):
    """Return the parameters that model information tells; raise an error for what save_model_info does not write."""
    weights = info["weights"]
    if version_of_format != _FORMAT or not isinstance(weights["sha256"], str):
        raise ValueError("another format")
    image_shape = info["image_shape"]
    return {name: info[name] for name in _TOLD} | {
        "weights": weights["name"] or weights["path"] or None,
        "weights_sha256": weights["sha256"],
        "image_shape": None if image_shape is None else tuple(image_shape),
    }


class CNNEmbedding(ImageFeatures):
    """What a convolutional network, trained on other images, sees in an image.

    The network's last layer, which tells its classes apart, is taken off; what it was given is the row. Any
    classification model of torchvision does, and any of timm's that torch.fx can trace, with published weights, with
    weights of your own, or with random ones.

    Needs torch and torchvision (``pip install 'skimgfeat[cnn]'``), which are imported at ``fit``.

    Parameters
    ----------
    model : str, default="mobilenet_v2"
        A name that ``torchvision.models.list_models(module=torchvision.models)`` gives; or "timm/" and one of
        ``timm.list_models()``, such as "timm/resnet18", with the extra ``timm``.
    weights : str, path-like or None, default="DEFAULT"
        - "DEFAULT", or the name of a member of torchvision's enumeration of the model's weights, such as
          "IMAGENET1K_V1": looked for where ``torch.hub`` keeps its downloads, and downloaded there;
        - a file that ends in .pth, .pt or .safetensors: a state_dict, alone or under "state_dict", "model_state_dict",
          "model" or, where it is the only one, any name; names may have a prefix such as "module.". Weights of layers
          that are not used, such as a classifier for other classes, do not matter. Nothing in it is unpickled but
          tensors;
        - None: random weights, as the library draws them after ``torch.manual_seed(random_state)``.
    layer : str, list of str or None, default=None
        The node whose output is the row, named as in
        ``torchvision.models.feature_extraction.get_graph_node_names(model)[1]``, such as "features.14", or a module,
        whose last node counts; several are joined. None is what the last layer with weights, the classifier, is fed
        with, before pooling and dropout.
    pooling : {"avg", "max", "gem", "flatten", "none"}, default="avg"
        How maps of (channels, rows, cols), or (rows, cols, channels) as in Swin, become rows: the mean, the maximum, or
        the generalized mean of power 3 [3]_ of each channel; or all values. "none" is for layers that give rows
        already; those are never pooled. Of tokens, as in transformers, (tokens, channels), each channel is pooled over
        the tokens.
    batch_size : int, default=32
        How many images are prepared together, at most, and, on a GPU, computed together. On a CPU they are computed one
        by one, which is quicker.
    device : str or None, default=None
        "cpu", "cuda", "cuda:1", "mps". None is a GPU where there is one.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        What the network computes in. Rows are float32 in any case.
    backend : {"auto", "torch", "openvino", "onnxruntime"}, default="auto"
        What computes. OpenVINO and ONNX Runtime run on the CPU and come with the extras ``openvino`` and ``onnx``.
        "auto" takes the first of OpenVINO, ONNX Runtime and torch that is installed and gives torch's row for an image
        of noise, within 1e-4 of its largest value; on a GPU torch.
    random_state : int, default=0
        The seed of random weights. torch's global generator is left alone.
    weights_sha256 : str or None, default=None
        What the SHA-256 of the file of the weights must be: 64 hexadecimal digits. Another file is refused before it
        is read. Of random weights, the hash of their names and values.
    preprocessing : dict or None, default=None
        What to change of the preparation that the published weights of the model come with, "DEFAULT" where ``weights``
        are neither the name nor a copy of others: some of "resize_size" (the shorter side, (rows, cols), or None),
        "crop_size" (a side, or (rows, cols)), "interpolation" ("nearest", "bilinear", "bicubic", "lanczos"), "mean" and
        "std" (of red, green and blue, in [0, 1]).
    store_weights : bool, default=False
        Whether a pickle holds the weights. Without them it is small, and they are found again when it is used, by their
        path at ``fit`` or, where nothing is there any more, as ``weights`` says now; checked by their hash.
    image_shape : tuple (rows, cols) or (rows, cols, channels) or None, default=None
        How rows of X are laid out as images; one entry may be -1. None expects images.
    n_jobs : int or None, default=None
        Number of threads that compute, and of others that decode and prepare images meanwhile. None is 1 unless a
        ``joblib.parallel_config`` says otherwise, -1 is every processor. On a CPU, an image is computed by one thread.

    Attributes
    ----------
    backend_ : str
        What computes.
    layers_ : list of str
        The nodes whose outputs are joined.
    preprocessing_ : dict
        How an image is prepared.
    weights_sha256_ : str
        The SHA-256 of the file of the weights, or of random weights.
    image_shape_ : tuple of int or None
        Shape of the images seen at ``fit``; None where their shapes differed.
    n_features_in_ : int
        Number of values in an image; missing where shapes differed.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Column names of X at ``fit``, where it had any.

    Raises
    ------
    TypeError, ValueError
        At ``fit``, for a parameter of another kind or value, images that are neither gray nor RGB, a file that holds
        other weights or has another hash.
    OSError
        At ``fit``, for weights that cannot be read or downloaded.
    ImportError
        At ``fit``, for an extra that is not installed.

    See Also
    --------
    HOG : Needs no training and no weights.
    extract : Runs it over any number of files, and writes the model information beside the features.

    Notes
    -----
    Images are prepared as torchvision's presets prepare images of Pillow [1]_: resized with antialiasing, cropped at
    the center, scaled to [0, 1], mean subtracted, divided by the standard deviation. uint8 and bool images give
    torchvision's pixels. uint16 images are resized in float32 and rounded to their own levels; other types are taken as
    they are, resized in float32 and not rounded, so that an image that has to be resized gives slightly other rows than
    its 8-bit version. Gray images count as RGB of three equal channels.

    On a CPU, with the same libraries on the same processor, a row has the same bits whatever ``batch_size``, ``n_jobs``
    and the images beside it. On a GPU a row varies with the batch, by about 1e-6 of its largest value in float32, for
    which convolutions in TensorFloat-32 are switched off. Backends differ from each other by about 1e-6.

    torch runs the network in evaluation mode, without gradients, channels last, with batch normalization merged into
    the convolutions before it. Exporting for OpenVINO or ONNX Runtime takes some seconds, once a process and network:
    a process keeps the last eight.

    Differences from torchvision: maps are pooled by ``pooling`` and not by the model's own last pooling, which is the
    mean in nearly all; where a model such as ConvNeXt normalizes what it has pooled, that stays. GoogLeNet and
    Inception change their input as their published weights need it, for other weights too.

    References
    ----------
    .. [1] TorchVision maintainers and contributors, "TorchVision: PyTorch's Computer Vision library", 2016,
       https://github.com/pytorch/vision
    .. [2] M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018,
       https://doi.org/10.1109/CVPR.2018.00474
    .. [3] F. Radenović, G. Tolias, O. Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", IEEE TPAMI
       41(7), 2019, https://doi.org/10.1109/TPAMI.2018.2846566

    Examples
    --------
    >>> import numpy as np
    >>> from skimgfeat import CNNEmbedding
    >>> images = np.random.default_rng(0).integers(0, 256, (3, 60, 80, 3), dtype=np.uint8)
    >>> embedding = CNNEmbedding("shufflenet_v2_x0_5", weights=None, backend="torch")
    >>> embedding.fit_transform(images).shape
    (3, 1024)
    >>> print(embedding.get_feature_names_out()[0], embedding.layers_)
    shufflenet_v2_x0_5_0 ['conv5.2']
    """

    def __init__(
        self,
        model="mobilenet_v2",
        weights="DEFAULT",
        layer=None,
        pooling="avg",
        batch_size=32,
        device=None,
        precision="float32",
        backend="auto",
        random_state=0,
        weights_sha256=None,
        preprocessing=None,
        store_weights=False,
        image_shape=None,
        n_jobs=None,
    ):
        self.model = model
        self.weights = weights
        self.layer = layer
        self.pooling = pooling
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.backend = backend
        self.random_state = random_state
        self.weights_sha256 = weights_sha256
        self.preprocessing = preprocessing
        self.store_weights = store_weights
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    @classmethod
    def from_model_info(cls, path, *, index=0, **parameters):
        """Return the estimator that makes the same features as the one that a file describes.

        Parameters
        ----------
        path : path-like
            A file that :meth:`save_model_info` or ``skimgfeat extract`` wrote, or a job folder of :func:`extract`.
        index : int, default=0
            Which one, where a pipeline had several.
        **parameters
            In place of those of the file, such as ``weights``, where a file has moved, and ``n_jobs``. What the weights
            must be is told by their hash.

        Returns
        -------
        embedding : CNNEmbedding
            Not fitted yet. Its ``backend`` is the one that computed, its ``weights_sha256`` that of the weights.

        Raises
        ------
        ValueError
            For a file that describes no such estimator.
        OSError
            For a file that cannot be read.
        """
        path = os.fspath(path)
        if os.path.isdir(path):
            path = os.path.join(path, _FILE)
        with open(path, encoding="utf-8") as file:
            try:
                content = json.load(file)
                infos = [step["model"] for step in content["steps"] if step["estimator"] == cls.__name__]
                known = _read_info(content["format"], infos[index])
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"{cls.__name__}: {path!r} must hold model information of a {cls.__name__} at index {index}, as "
                    "save_model_info or extract of this version writes it."
                ) from error
        return cls(**known | parameters)

    def _check_parameters(self):
        """Check the parameters, look for the weights, and return the Plan."""
        owner = type(self).__name__
        check_choice(owner, "pooling", self.pooling, POOLINGS)
        check_choice(owner, "precision", self.precision, PRECISIONS)
        check_choice(owner, "backend", self.backend, ("auto", *BACKENDS))
        check_integer(owner, "batch_size", self.batch_size, minimum=1)
        check_flag(owner, "store_weights", self.store_weights)
        seed = _check_seed(owner, self.random_state)
        layers = _check_layer(owner, self.layer)
        sha256 = check_sha256(owner, self.weights_sha256)
        path_or_name = check_weights(owner, self.weights)
        import_torch(owner)
        device = check_device(owner, self.device, self.backend)
        model = check_model(owner, self.model)
        weights = fetch_weights(owner, find_weights(owner, model, path_or_name, seed), sha256)
        published = published_preparation(owner, model, find_published_name(owner, model, weights))
        preparation = check_preparation(owner, published, self.preprocessing)
        return Plan(model, weights, layers, self.pooling, preparation, self.precision, self.backend, device)

    def _feature_names(self, image_shape):
        prefix = self._plan.model.rpartition("/")[2]
        return [f"{prefix}_{number}" for number in range(self._n_features_out)]

    def _network(self):
        plan = self._plan
        if self._state is None:
            plan = replace(plan, weights=relocate(type(self).__name__, plan.weights, self.weights))
        return load_network(on_threads(plan, count_threads(self.n_jobs)), self._state)

    def _extract(self, images, out, network=None):
        (network or self._network()).fill(images, out)

    def _fill_with(self, network, images, out):
        self._check_largest(images)
        self._extract(images, out, network)

    def fit(self, X, y=None):
        """Load the network; of the images, only their kind is looked at.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Gray or RGB images, or rows laid out by ``image_shape``; a list or object array of images of any sizes that
            share their type and number of channels; or an :class:`ImageCollection`, of which nothing is decoded.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : CNNEmbedding
            The fitted extractor.

        Raises
        ------
        TypeError, ValueError, OSError, ImportError
            For a parameter or input that cannot be used; weights that cannot be had, or are others; a library that is
            not installed.
        """
        owner = type(self).__name__
        check_n_jobs(owner, self.n_jobs)
        plan = self._check_parameters()
        check_images_of_any_size(self, X, reset=True)
        if self._channels not in ((), (1,), (3,)):
            raise ValueError(
                f"{owner}: X holds images of {self._channels[0]} channels; networks take gray or RGB images."
            )
        network = load_network(on_threads(plan, count_threads(self.n_jobs)))
        # How many threads compute decides no number, and n_jobs may change.
        self._plan = replace(network.plan, n_threads=1)
        self._state = pack_state(network.plan) if self.store_weights else None
        self._n_features_out = network.n_columns
        self.backend_ = network.plan.backend
        self.layers_ = list(network.layers)
        self.preprocessing_ = vars(network.plan.preparation).copy()
        self.weights_sha256_ = network.plan.weights.sha256
        return self

    def transform(self, X):
        """Turn each image into one row.

        Parameters
        ----------
        X : array-like of shape (n_samples, rows, cols), (n_samples, rows, cols, channels) or (n_samples, n_features)
            Images of any size with as many channels as at ``fit``; rows of the width seen at ``fit``; a list or object
            array of images as at ``fit``; or an :class:`ImageCollection`, of which some batches at a time are decoded.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            One row an image, in the order of X; NaN for images of a collection that cannot be had, where it has
            ``on_error="nan"``.

        Warns
        -----
        FailedImagesWarning
            Where there are such images.

        Raises
        ------
        ValueError
            For another number of channels or width of rows than at ``fit``, an empty X, NaN, infinities, pixels that
            overflow the precision; weights that are others than at ``fit``.
        OSError
            For weights that are not there any more.
        ImageError
            For an image of a collection that cannot be had, where it has ``on_error="raise"``.
        """
        check_is_fitted(self, "_n_features_out")
        images = check_images_of_any_size(self, X, reset=False)
        # Found here: joblib's settings, which n_jobs may ask for, are not those of other threads.
        network = self._network()
        threads = network.threads(len(images), self.batch_size, self.n_jobs)
        fill = partial(self._fill_with, network)
        prepare = self._plan.preparation
        out = np.empty((len(images), self._n_features_out), dtype=np.float32)
        if isinstance(images, ImageCollection):
            step = partial(_prepare_one, preparation=prepare, image_shape=self.image_shape)
            prepared = images.map(step, image_shape=self._plan.image_shape)
            fill_rows(type(self).__name__, prepared, prepared.image_shape, fill, out, **threads)
        else:
            run_in_two(
                lambda batch: np.stack([prepare(image) for image in images[batch]]),
                lambda batch, prepared: fill(prepared, out[batch]),
                len(images),
                **threads,
            )
        return out

    def model_info(self):
        """Tell all that decides the rows.

        Returns
        -------
        info : dict
            The parameters that decide the rows, as they came out at ``fit``: ``model``; ``weights``, with their hash;
            ``layer``, ``pooling``, ``precision``, ``backend``, ``preprocessing``, ``random_state``, ``batch_size``,
            ``image_shape``; ``n_features``; and ``versions`` of the libraries, None for one that is not installed. As
            JSON takes it.
        """
        check_is_fitted(self, "_n_features_out")
        return {
            "model": self._plan.model,
            "weights": describe_weights(self._plan.weights),
            "layer": self.layers_,
            "pooling": self._plan.pooling,
            "precision": self._plan.precision,
            "backend": self.backend_,
            "preprocessing": self.preprocessing_,
            "random_state": self._plan.weights.seed,
            "batch_size": int(self.batch_size),
            "image_shape": None if self.image_shape is None else list(map(int, self.image_shape)),
            "n_features": self._n_features_out,
            "versions": {name: _version(name) for name in _PACKAGES},
        }

    def save_model_info(self, path):
        """Write what :meth:`model_info` tells to a JSON file, for :meth:`from_model_info`.

        :func:`extract` writes the same, with the rest of its pipeline, beside the features.

        Parameters
        ----------
        path : path-like
            The file; it appears when it is complete.
        """
        step = {"estimator": type(self).__name__, "model": self.model_info()}
        with atomic_write(path) as file:
            file.write((json.dumps({"format": _FORMAT, "steps": [step]}, indent=1) + "\n").encode())
