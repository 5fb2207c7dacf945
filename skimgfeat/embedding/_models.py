"""Models by name, of torchvision and of timm: built with seeded weights, and what is published about them."""

import math
from difflib import get_close_matches
from typing import NamedTuple

from skimgfeat.embedding._libraries import import_timm, import_torch

_TIMM = "timm/"
# What the published weights of these were trained with, and is no weight.
_OPTIONS = {
    "googlenet": {"transform_input": True, "init_weights": True},
    "inception_v3": {"transform_input": True, "init_weights": True},
}


class Published(NamedTuple):
    """Weights that can be downloaded."""

    name: str  # as the parameter takes it
    url: str
    file_name: str


def check_model(owner, name):
    """Return ``name``, that of a model which is there."""
    if not isinstance(name, str):
        raise TypeError(f"{owner}: model must be a string such as 'mobilenet_v2', got {name!r}.")
    if name.startswith(_TIMM):
        timm = import_timm(owner)
        known = timm.list_models()
        bare, _, tag = name.removeprefix(_TIMM).partition(".")
        if bare not in known:
            raise ValueError(f"{owner}: model must be one of timm.list_models(), got {name!r}.{_near(bare, known)}")
        known = timm.list_pretrained(f"{bare}.*")
        if tag and f"{bare}.{tag}" not in known:
            raise ValueError(f"{owner}: model must be {bare!r} or one of timm's {known} behind 'timm/', got {name!r}.")
        return name
    _, torchvision = import_torch(owner)
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ValueError(
            f"{owner}: model must be a classification model of torchvision, or timm/ and one of timm's, got {name!r}."
            f"{_near(name, known)}"
        )
    return name


def _near(name, known):
    near = get_close_matches(name, known, n=3)
    return f" Did you mean {', '.join(map(repr, near))}?" if near else ""


def build_model(owner, name, seed):
    """Return the model in evaluation mode, its weights drawn as the library draws them, from a seed of their own."""
    torch, torchvision = import_torch(owner)
    with _seeded(torch, seed):
        if name.startswith(_TIMM):
            model = import_timm(owner).create_model(name.removeprefix(_TIMM), pretrained=False)
        else:
            model = torchvision.models.get_model(name, weights=None, **_OPTIONS.get(name, {}))
    return model.eval().requires_grad_(False)


def _seeded(torch, seed):
    """Return a context in which this thread draws from a generator of its own: the global one is left alone."""
    from torch.utils._python_dispatch import TorchDispatchMode

    generator = torch.Generator().manual_seed(seed)

    class Seeded(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if torch.Tag.nondeterministic_seeded in function.tags:
                if all(argument.name != "generator" for argument in function._schema.arguments):
                    function = function.overloadpacket.generator
                kwargs = {**kwargs, "generator": generator}
            return function(*args, **kwargs)

    return Seeded()


def trace_options(owner, name):
    """Return what the tracer must not look into."""
    if not name.startswith(_TIMM):
        return {}
    import_timm(owner)
    from timm.models._features_fx import get_notrace_functions, get_notrace_modules

    return {"leaf_modules": list(get_notrace_modules()), "autowrap_functions": tuple(get_notrace_functions())}


def find_published(owner, name, weights):
    """Return the Published weights of a model that are called ``weights``, "DEFAULT" or a name."""
    if name.startswith(_TIMM):
        repository = _timm_config(owner, name).hf_hub_id
        if weights != "DEFAULT" or not repository:
            raise ValueError(
                f"{owner}: weights must be None, a file or, where some are published, 'DEFAULT' for {name!r}, whose "
                f"name tells which weights, got {weights!r}."
            )
        url = f"https://huggingface.co/{repository}/resolve/main/model.safetensors"
        return Published(weights, url, f"{repository.replace('/', '--')}.safetensors")
    _, torchvision = import_torch(owner)
    enum = torchvision.models.get_model_weights(name)
    if weights not in enum.__members__:
        raise ValueError(
            f"{owner}: weights must be None, a file that ends in .pth, .pt or .safetensors, or one of "
            f"{list(enum.__members__)} for {name!r}, got {weights!r}."
        )
    member = enum[weights]
    return Published(member.name, member.url, member.url.rpartition("/")[2])


def find_member(owner, name, file_name):
    """Return the name of the weights of a model of torchvision that are published as a file called so, or ""."""
    if name.startswith(_TIMM):
        return ""
    _, torchvision = import_torch(owner)
    members = torchvision.models.get_model_weights(name)
    return next((member.name for member in members if member.url.rpartition("/")[2] == file_name), "")


def published_preparation(owner, name, weights):
    """Return how images were prepared for the published weights called ``weights``, or for the model's default ones."""
    if name.startswith(_TIMM):
        config = _timm_config(owner, name)
        rows, cols = config.input_size[1:]
        resized = tuple(math.floor(side / config.crop_pct) for side in (rows, cols))
        squashes = config.crop_mode == "squash"
        if not squashes and (config.crop_mode != "center" or rows != cols):
            raise ValueError(
                f"{owner}: model must be one whose images fill a square, or are squashed, got {name!r}, for which timm "
                f"brings them to {rows} x {cols} by crop_mode={config.crop_mode!r}; take another one."
            )
        return {
            "resize_size": resized if squashes else resized[0],
            "crop_size": (rows, cols),
            "interpolation": config.interpolation,
            "mean": tuple(config.mean),
            "std": tuple(config.std),
        }
    _, torchvision = import_torch(owner)
    enum = torchvision.models.get_model_weights(name)
    preset = enum[weights if weights in enum.__members__ else "DEFAULT"].transforms()
    return {
        "resize_size": preset.resize_size[0] if len(preset.resize_size) == 1 else tuple(preset.resize_size),
        "crop_size": preset.crop_size[0] if len(preset.crop_size) == 1 else tuple(preset.crop_size),
        "interpolation": preset.interpolation.value,
        "mean": tuple(preset.mean),
        "std": tuple(preset.std),
    }


def _timm_config(owner, name):
    return import_timm(owner).get_pretrained_cfg(name.removeprefix(_TIMM))
