"""Weights: which, from where, the hash of what is in them, and how they get into a model."""

import hashlib
import os
import re
from dataclasses import asdict, dataclass, replace
from pickle import UnpicklingError

from skimgfeat.embedding._libraries import import_torch
from skimgfeat.embedding._models import find_member, find_published

_SUFFIXES = (".pth", ".pt", ".safetensors")
_READ_BYTES = 1 << 20
# Under what training scripts put the weights, beside optimizers and such.
_NESTED = ("state_dict", "model_state_dict", "model")
_N_SHOWN = 8
# The beginning of a file's hash in its name.
_DIGITS = re.compile(r"-([0-9a-f]{8,})\.")
_COUNTER = "num_batches_tracked"  # of no use outside training; old files do not have it


@dataclass(frozen=True)
class Weights:
    """Which weights a network has.

    Attributes
    ----------
    kind : {"random", "file", "published"}
        What the parameter ``weights`` was.
    name : str
        The name of published weights, else "".
    path : str
        The file, of published weights only its name: it is where ``torch.hub`` keeps its downloads. "" for random ones.
    url : str
        Where the file is downloaded from when it is missing, "" where from nowhere.
    seed : int
        Of random weights, else 0.
    sha256 : str
        Of the file, or of the names and values of random weights; "" while it is not known.
    """

    kind: str
    name: str = ""
    path: str = ""
    url: str = ""
    seed: int = 0
    sha256: str = ""


def check_weights(owner, weights):
    """Return ``weights``: None, the name of published ones, or the path of a file as a str."""
    if weights is None:
        return None
    if isinstance(weights, os.PathLike):
        weights = os.fspath(weights)
    if not isinstance(weights, str):
        raise TypeError(
            f"{owner}: weights must be None, a name such as 'DEFAULT' or the path of a file, got {weights!r}."
        )
    return weights


def check_sha256(owner, sha256):
    """Return the hash in small letters, or None."""
    if sha256 is None:
        return None
    if not isinstance(sha256, str):
        raise TypeError(f"{owner}: weights_sha256 must be None or a string, got {sha256!r}.")
    if len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef"):
        raise ValueError(f"{owner}: weights_sha256 must be the 64 hexadecimal digits of a SHA-256, got {sha256!r}.")
    return sha256.lower()


def find_weights(owner, model, weights, seed):
    """Return the Weights that the checked parameters ask for, their files not looked at yet."""
    if weights is None:
        return Weights("random", seed=seed)
    if weights.lower().endswith(_SUFFIXES):
        return Weights("file", path=os.path.abspath(weights))
    published = find_published(owner, model, weights)
    return Weights("published", name=published.name, path=published.file_name, url=published.url)


def locate(owner, weights):
    """Return the path of the file of weights, which need not be there; "" for random weights."""
    if weights.kind != "published":
        return weights.path
    torch, _ = import_torch(owner)
    return os.path.join(torch.hub.get_dir(), "checkpoints", weights.path)


def relocate(owner, weights, given):
    """Return Weights whose file has gone with the path that the parameter ``weights`` gives now, others as they are.

    Whether that file is the same, its hash tells when it is read.
    """
    if weights.kind == "random" or os.path.exists(locate(owner, weights)):
        return weights
    given = check_weights(owner, given)
    if given is None or not given.lower().endswith(_SUFFIXES):
        return weights
    return replace(weights, kind="file", path=os.path.abspath(given))


def fetch_weights(owner, weights, wanted_sha256=None):
    """Return the Weights with the hash of their file, which is downloaded where it is missing and can be.

    Raises
    ------
    OSError
        For a file that is not there or cannot be downloaded.
    ValueError
        For a file that is not the one which ``wanted_sha256``, or its own name, says.
    """
    if weights.kind == "random":
        return replace(weights, sha256=wanted_sha256 or "")
    path = locate(owner, weights)
    if weights.kind == "published" and not os.path.exists(path):
        _download(owner, weights, path)
    sha256 = _hash_file(owner, path)
    if weights.kind == "published" and not _has_its_digits(path, sha256):
        raise ValueError(
            f"{owner}: {path!r} is damaged or another file: its SHA-256 is {sha256}, and must begin as its name says. "
            "Delete it, and it is downloaded again."
        )
    if wanted_sha256 not in (None, sha256):
        raise ValueError(
            f"{owner}: the weights {path!r} are not the ones that are asked for: their SHA-256 is {sha256}, "
            f"and it must be {wanted_sha256}. Find the right file, or leave weights_sha256 out if these will do."
        )
    return replace(weights, sha256=sha256)


def find_published_name(owner, model, weights):
    """Return the name of the published weights that a file holds, by its name and hash; "" where it holds others."""
    file_name = os.path.basename(weights.path)
    if weights.kind != "file" or not _has_its_digits(file_name, weights.sha256):
        return weights.name
    return find_member(owner, model, file_name)


def _has_its_digits(path, sha256):
    """Tell whether a file has the digits of its hash that its name ends in, as torch writes them; or has none there."""
    digits = _DIGITS.search(os.path.basename(path))
    return digits is None or sha256.startswith(digits[1])


def _download(owner, weights, path):
    """Download a file, which is there only when it is complete and has the digits that its name promises."""
    torch, _ = import_torch(owner)
    digits = _DIGITS.search(weights.path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        torch.hub.download_url_to_file(weights.url, path, digits and digits[1], progress=False)
    except (OSError, RuntimeError) as error:  # RuntimeError: another hash
        raise OSError(
            f"{owner}: the weights {weights.name} cannot be downloaded from {weights.url} ({error}). Download the file "
            f"elsewhere, and give its path, weights='.../{weights.path}', or put it at {path!r}; weights=None takes "
            "random ones."
        ) from error


def _hash_file(owner, path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while data := file.read(_READ_BYTES):
                digest.update(data)
    except OSError as error:
        raise type(error)(
            error.errno,
            f"{owner}: the weights cannot be read ({error.strerror}); give weights the path of a file that can",
            path,
        ) from error
    return digest.hexdigest()


def hash_state(state):
    """Return the hash of the names and values of weights."""
    digest = hashlib.sha256()
    for name, values in state.items():
        digest.update(f"{name} {tuple(values.shape)} {values.dtype} ".encode())
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_state(owner, path):
    """Return what a file holds: a dict of names to tensors. Nothing but tensors is unpickled."""
    if path.lower().endswith(".safetensors"):
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{owner}: {path!r} is no file of safetensors, or is damaged: {error}") from error
    torch, _ = import_torch(owner)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, EOFError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"{owner}: {path!r} cannot be read as weights: it must hold tensors and nothing else, as torch.save("
            f"model.state_dict(), path) writes them, got {_describe(error)}."
        ) from error
    content = _find_state(owner, path, content, torch.Tensor)
    state = {
        name: values for name, values in content.items() if isinstance(name, str) and isinstance(values, torch.Tensor)
    }
    if not state:
        raise ValueError(
            f"{owner}: {path!r} must hold a state_dict, a dict of names to tensors, got a dict of "
            f"{list(content)[:_N_SHOWN]}."
        )
    return state


def _describe(error):
    """Return what torch has found in a file, without its advice to run what is in it."""
    text = str(error)
    if found := re.search(r"GLOBAL (\S+)", text):
        return f"a {found[1]}"
    if isinstance(error, UnpicklingError):
        return "no file of torch.save"
    if "TorchScript" in text:
        return "a program of TorchScript"
    return text.partition(". ")[0] or "an empty file"


def _find_state(owner, path, content, tensor):
    """Return the dict of tensors in what a file holds: itself, or what a training script has put into it."""

    def holds_tensors(values):
        return isinstance(values, dict) and any(isinstance(value, tensor) for value in values.values())

    for name in _NESTED:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        raise ValueError(f"{owner}: {path!r} must hold a state_dict, a dict of tensors, got {type(content).__name__}.")
    if holds_tensors(content):
        return content
    nested = [name for name, values in content.items() if holds_tensors(values)]
    if len(nested) > 1:
        raise ValueError(
            f"{owner}: {path!r} must hold the weights of one network, got dicts of tensors under {nested}; save the "
            "right one alone."
        )
    return content[nested[0]] if nested else content


def load_state(owner, network, state, source):
    """Put weights into the layers that a network uses; others, such as a classifier for other classes, do not matter.

    Parameters
    ----------
    network : torch.nn.Module
        Whose parameters are called as in the whole model.
    state : dict of str to tensor
        All names may have one prefix, as DataParallel ("module.") and others write them.
    source : str
        What to call them in an error.
    """
    wanted = network.state_dict()
    prefix = _find_prefix(owner, wanted, state, source)
    found = {name: state[prefix + name] for name in wanted if prefix + name in state}
    missing = [name for name in wanted if name not in found and not name.endswith(_COUNTER)]
    if missing:
        raise ValueError(
            f"{owner}: {source} holds weights of another model: {len(missing)} of {len(wanted)} that the network uses "
            f"are missing, such as {missing[0]!r}; it holds, for instance, {next(iter(state), None)!r}."
        )
    for name, values in found.items():
        if values.shape != wanted[name].shape:
            raise ValueError(
                f"{owner}: {source} holds weights of another model: {name!r} has shape {tuple(values.shape)} there, "
                f"and must have {tuple(wanted[name].shape)}."
            )
        if not values.isfinite().all():
            raise ValueError(
                f"{owner}: {source} must hold finite weights, got NaN or infinities in {name!r}; take those of an "
                "earlier epoch."
            )
    network.load_state_dict({**wanted, **found})


def _find_prefix(owner, wanted, state, source):
    """Return what stands before all names in a file, "" where nothing does, whatever their order.

    Of several, one that others begin with is that of the whole model: where "module.conv1.weight" is, there may be
    "module.layer1.0.conv1.weight".
    """
    wanted = [name for name in wanted if not name.endswith(_COUNTER)]
    if not wanted:
        return ""
    prefixes = [found.removesuffix(wanted[0]) for found in state if f".{found}".endswith(f".{wanted[0]}")]
    complete = [prefix for prefix in prefixes if all(prefix + name in state for name in wanted)]
    outer = [
        prefix for prefix in complete if not any(prefix.startswith(other) for other in complete if other != prefix)
    ]
    if len(outer) > 1:
        raise ValueError(
            f"{owner}: {source} must hold the weights of one network, got several, whose names begin with "
            f"{sorted(outer)}; save the right ones alone."
        )
    return outer[0] if outer else min(prefixes, key=len, default="")


def describe_weights(weights):
    """Return which weights these are, as JSON takes it."""
    described = asdict(weights)
    del described["seed"]  # a parameter of its own
    return described
