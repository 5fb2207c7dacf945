"""A network that is ready to compute: planned by the parameters, loaded once a process."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import RLock

import numpy as np
from threadpoolctl import ThreadpoolController

from skimgfeat._parallel import count_threads
from skimgfeat.embedding._backends import TorchBackend, choose_backend, make_backend, to_floats
from skimgfeat.embedding._graph import cut, find_channel_axes, make_embedding
from skimgfeat.embedding._libraries import import_torch
from skimgfeat.embedding._models import build_model, trace_options
from skimgfeat.embedding._preparation import Preparation
from skimgfeat.embedding._weights import Weights, fetch_weights, hash_state, load_state, locate, read_state

_OWNER = "CNNEmbedding"
# How many networks a process keeps: those of a grid search come back again and again.
_N_KEPT = 8
_kept: OrderedDict = OrderedDict()
_lock = RLock()


@dataclass(frozen=True)
class Plan:
    """All that decides what a network computes, and with what; it says nothing of files' contents but their hash."""

    model: str
    weights: Weights
    layers: tuple | None
    pooling: str
    preparation: Preparation
    precision: str
    backend: str
    device: str | None
    n_threads: int = 1

    @property
    def image_shape(self):
        """(rows, cols, 3) of a prepared image."""
        return (*self.preparation.crop_size, 3)


@dataclass(frozen=True)
class Network:
    """What computes, and what was found when it was loaded."""

    compute: Callable  # called with images and rows to fill
    plan: Plan  # with the backend and the hash that were found
    layers: tuple
    n_columns: int

    def threads(self, n_images, batch_size, n_jobs):
        """Return the options of ``run_in_two``: one thread of OpenMP for each that computes, two that feed a GPU."""
        options: dict = {"n_jobs": n_jobs, "batch_size": batch_size}
        if isinstance(self.compute, TorchBackend):
            options["initializer"] = _one_openmp_thread
            if not self.compute.is_cpu:
                return options | {"n_finishers": 2}
        # Computed one by one in any case: where they are few, every thread gets some.
        return options | {"batch_size": max(1, min(batch_size, -(-n_images // count_threads(n_jobs))))}

    def fill(self, images, out):
        """Fill rows from prepared images."""
        self.compute(images, out)
        if not np.isfinite(out).all():
            raise ValueError(
                f"{_OWNER}: the network gives NaN or infinities: the pixels are too large for "
                f"precision={self.plan.precision!r}; scale them to [0, 1], or take another precision."
            )


def _one_openmp_thread():
    """Let this thread, and no other, compute alone: its sums are then always split alike."""
    import torch

    torch.get_num_threads()  # a thread's number is set when it is first asked for, and must not be set again
    ThreadpoolController().limit(limits=1, user_api="openmp")


def load_network(plan, stored=None):
    """Return the Network of a plan, the one that this process has or a new one.

    ``stored`` is what :func:`pack_state` gave, in place of the file of the weights.
    """
    with _lock:
        network = _kept.get(plan)
        if network is None:
            network = _load(plan, stored)
            _kept[plan] = _kept[network.plan] = network
        for key in (plan, network.plan):
            _kept.move_to_end(key)
        while len(set(map(id, _kept.values()))) > _N_KEPT:  # one may have two keys
            _kept.popitem(last=False)
        return network


def _load(plan, stored):
    part, layers, weights = _load_part(plan, stored)
    embedding = make_embedding(part, plan.pooling, plan.preparation)
    n_columns = _count_columns(embedding, plan, layers)
    device = _find_device(plan)
    plan = replace(plan, weights=weights)
    if plan.backend == "auto":
        compute, name = choose_backend(_OWNER, embedding, plan.image_shape, plan.precision, device, plan.n_threads)
        plan = replace(plan, backend=name)
    else:
        compute = make_backend(
            _OWNER, plan.backend, embedding, plan.image_shape, plan.precision, device, plan.n_threads
        )
    return Network(compute, on_threads(plan, plan.n_threads), layers, n_columns)


def on_threads(plan, n_threads):
    """Return the plan for so many threads; only OpenVINO has to know."""
    return replace(plan, n_threads=n_threads if plan.backend in ("auto", "openvino") else 1)


def _load_part(plan, stored):
    """Return the part of the model that is used, with its weights; the names of its layers; and the Weights."""
    model = build_model(_OWNER, plan.model, plan.weights.seed)
    part, layers = cut(_OWNER, model, plan.layers, trace_options(_OWNER, plan.model))
    weights = plan.weights
    if stored is not None:
        import safetensors.torch

        load_state(_OWNER, part, safetensors.torch.load(stored), "what was pickled")
    elif weights.kind == "random":
        sha256 = hash_state(part.state_dict())
        if weights.sha256 not in ("", sha256):
            raise ValueError(
                f"{_OWNER}: the random weights of {plan.model!r} with random_state={weights.seed} have the SHA-256 "
                f"{sha256}, and weights_sha256 must be that: {weights.sha256} was asked for. Other versions of torch "
                "and torchvision draw others; store_weights=True keeps them."
            )
        weights = replace(weights, sha256=sha256)
    else:
        weights = fetch_weights(_OWNER, weights, weights.sha256 or None)
        path = locate(_OWNER, weights)
        load_state(_OWNER, part, read_state(_OWNER, path), repr(path))
    return part, layers, weights


def pack_state(plan):
    """Return the weights that a plan's network uses as bytes, in the format of safetensors."""
    from safetensors.torch import save

    part, _, _ = _load_part(plan, None)
    return save({name: values.contiguous() for name, values in part.state_dict().items()})


def _count_columns(embedding, plan, names):
    """Return the number of columns, and tell the embedding where channels are; ValueError where there are no rows."""
    torch, _ = import_torch(_OWNER)
    images = torch.from_numpy(to_floats(np.zeros((1, *plan.image_shape), dtype=np.uint8)))
    with torch.inference_mode():
        layers = embedding.layers(images)
        for values in layers:
            if not isinstance(values, torch.Tensor) or values.ndim not in (2, 3, 4) or len(values) != 1:
                raise ValueError(f"{_OWNER}: layer must be nodes that give maps, tokens or rows, got {plan.layers!r}.")
            if values.ndim > 2 and plan.pooling == "none":
                raise ValueError(
                    f"{_OWNER}: pooling must be 'avg', 'max', 'gem' or 'flatten' for a layer that gives no rows but "
                    f"an array of shape {tuple(values.shape[1:])} for each image, got 'none'."
                )
        if plan.pooling == "flatten":
            embedding.channel_axes = (1,) * len(layers)
        else:
            size = plan.preparation.crop_size
            embedding.channel_axes = find_channel_axes(_OWNER, embedding.part, layers, names, size)
        return embedding.join(layers).shape[1]


def _find_device(plan):
    """Return the device that a plan runs on: where nothing says so, the GPU there is, and for torch only."""
    torch, _ = import_torch(_OWNER)
    if plan.backend in ("openvino", "onnxruntime"):
        return "cpu"
    if plan.device is not None:
        return plan.device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(owner, device, backend):
    """Return ``device``: None, or the name of one that is there and that the backend runs on."""
    if device is None:
        return None
    if not isinstance(device, str):
        raise TypeError(f"{owner}: device must be None or a string such as 'cpu' or 'cuda:0', got {device!r}.")
    torch, _ = import_torch(owner)
    kind, _, number = device.partition(":")
    n_devices = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(
        kind, 0
    )
    if (number and not number.isdecimal()) or int(number or 0) >= n_devices:
        raise ValueError(f"{owner}: device must be None, 'cpu', or a 'cuda' or 'mps' that is there, got {device!r}.")
    if kind != "cpu" and backend in ("openvino", "onnxruntime"):
        raise ValueError(f"{owner}: device must be None or 'cpu' with backend={backend!r}, got {device!r}.")
    return device
