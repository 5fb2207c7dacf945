"""What ``--features`` says: steps written as calls, or a file that describes or holds a pipeline."""

import ast
import inspect
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError

from skimgfeat.cli._arguments import UsageError

_ALIASES = {"cnn": "cnnembedding", "handcrafted": "handcraftedfeatures"}
_PICKLES = (".joblib", ".pickle", ".pkl")
_EXAMPLES = "a name such as hog, a call such as 'hog(orientations=8)', or steps such as 'resize((64, 64)) | hog'"
# What ast raises for text that is not Python, or nested too deeply.
_NOT_PARSED = (MemoryError, RecursionError, SyntaxError, TypeError, ValueError)
# What loading raises for bytes that are no pickle, or for one of classes that are not there.
_NOT_LOADED = (AttributeError, EOFError, ImportError, LookupError, TypeError, UnpicklingError, ValueError)


def read_features(spec, *, trust_pickle=False):
    """Return the steps that ``--features`` asks for, as a list of transformers.

    Parameters
    ----------
    spec : str
        - ``hog``, ``hog(orientations=8)``, ``resize((64, 64)) | hog``: estimators of this package by their name, in
          capitals or not, and scikit-learn's by their full name, with literals for parameters;
        - a ``.json`` or ``.toml`` file that describes such steps;
        - a ``.joblib``, ``.pkl`` or ``.pickle`` file that holds an estimator.
    trust_pickle : bool, default=False
        Whether a file of the last kind may be read, which runs the code in it.

    Raises
    ------
    UsageError
        For steps that nobody knows, or a file that is not trusted.
    OSError, ValueError
        For a file that cannot be read.
    """
    suffix = Path(spec).suffix.lower()
    if suffix in _PICKLES:
        return _load_pickle(spec, trust_pickle)
    if suffix in (".json", ".toml"):
        steps = [_make_step(name, (), parameters) for name, parameters in _read_description(spec, suffix)]
    else:
        steps = [_make_step(*_parse_step(node)) for node in _parse_chain(spec)]

    from skimgfeat import SIFT, DescriptorCodec
    from skimgfeat._base import ImageMap

    if isinstance(steps[-1], (SIFT, DescriptorCodec)):
        raise UsageError(
            f"--features: {type(steps[-1]).__name__} gives descriptors, not rows: skimgfeat sift and skimgfeat codec "
            "write those"
        )
    if isinstance(steps[-1], ImageMap):
        raise UsageError(f"--features: {type(steps[-1]).__name__} gives images, not rows: add hog or such behind")
    return steps


def _load_pickle(path, trusted):
    """Read an estimator, which runs code: only from a file that the user trusts."""
    if not trusted:
        raise UsageError(
            f"--features: reading {path!r} runs whatever code is in it: add --trust-pickle if you made it or trust who "
            "did; otherwise describe the pipeline in a .json or .toml file"
        )
    import joblib
    from sklearn.pipeline import Pipeline

    try:
        estimator = joblib.load(path)
    except _NOT_LOADED as error:
        raise ValueError(f"{path!r} cannot be loaded: {type(error).__name__}: {error}") from error
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    steps = [step for step in steps if step is not None and not isinstance(step, str)]
    if not steps:
        raise UsageError(f"--features: {path!r} holds a pipeline without steps")
    return steps


def _read_description(path, suffix):
    """Return the (name, parameters) of the steps that a JSON or TOML file describes."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        if suffix == ".json":
            import json

            content = json.loads(text)
        else:
            import tomllib

            content = tomllib.loads(text)
    except (RecursionError, ValueError) as error:
        raise UsageError(f"--features: {path!r} is not a {suffix[1:].upper()} file: {error}") from error
    steps = content.get("steps") if isinstance(content, dict) and content.keys() == {"steps"} else None
    described = [step for step in steps if _is_step(step)] if isinstance(steps, list) else []
    if not described or described != steps:
        raise UsageError(
            f'--features: {path!r} must hold {{"steps": [...]}} and nothing else, each step such as '
            '{"estimator": "Resize", "size": [64, 64]}'
        )
    return [(step.pop("estimator"), {name: _as_literal(value) for name, value in step.items()}) for step in steps]


def _is_step(step):
    return isinstance(step, dict) and isinstance(step.get("estimator"), str)


def _as_literal(value):
    """Turn lists, which is all that JSON and TOML have, into tuples, which is what sizes are."""
    return tuple(map(_as_literal, value)) if isinstance(value, list) else value


def _parse_chain(text):
    """Return the syntax trees of steps that are joined with |."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except _NOT_PARSED as error:
        raise UsageError(f"--features: {text!r} cannot be read; give {_EXAMPLES}") from error
    nodes = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        nodes.append(node.right)
        node = node.left
    return [node, *reversed(nodes)]


def _parse_step(node):
    """Return the (name, positional arguments, keyword arguments) of a step."""
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not isinstance(call.func, (ast.Name, ast.Attribute)):
        raise UsageError(f"--features: {ast.unparse(node)!r} is no step; give {_EXAMPLES}")
    name = ast.unparse(call.func)
    given = [keyword.arg or "**" for keyword in call.keywords]
    if "**" in given or len(set(given)) < len(given):
        raise UsageError(f"--features: {name} takes each parameter once, by its name, got {ast.unparse(node)!r}")
    arguments = [_parse_literal(name, argument) for argument in call.args]
    return name, arguments, {keyword.arg: _parse_literal(name, keyword.value) for keyword in call.keywords}


def _parse_literal(name, node):
    try:
        return ast.literal_eval(node)
    except _NOT_PARSED as error:
        raise UsageError(
            f"--features: {name} takes literals such as 8, (4, 4), True or 'L2', got {ast.unparse(node)!r}"
        ) from error


def _make_step(name, arguments, parameters):
    """Return the estimator of this name with these parameters."""
    step = _find_in_sklearn(name) if "." in name else _find_here(name)
    signature = inspect.signature(step)
    unknown = [parameter for parameter in parameters if parameter not in signature.parameters]
    try:
        signature.bind(*arguments, **parameters)
    except TypeError as error:
        reason = f"there is no parameter {unknown[0]!r}" if unknown else str(error)
        raise UsageError(
            f"--features: {name}: {reason}; {step.__name__} takes {', '.join(signature.parameters) or 'none'}"
        ) from error
    return step(*arguments, **parameters)


def _find_here(name):
    """Return the transformer of this package that has this name, in capitals or not."""
    import skimgfeat

    public = {public.lower(): public for public in skimgfeat.__all__}
    wanted = _ALIASES.get(name.lower(), name.lower())
    found = getattr(skimgfeat, public[wanted]) if wanted in public else None
    if not _is_transformer(found):
        known = [public for public in skimgfeat.__all__ if _is_transformer(getattr(skimgfeat, public))]
        near = get_close_matches(wanted, map(str.lower, known), n=1)
        hint = f"did you mean {near[0]!r}? There are" if near else "there are"
        raise UsageError(f"--features: nothing is called {name!r}; {hint} {', '.join(known)}")
    return found


def _is_transformer(found):
    return isinstance(found, type) and hasattr(found, "transform")


def _find_in_sklearn(name):
    """Return scikit-learn's transformer of this full name, out of its own list: nothing is imported by name."""
    from sklearn.utils import all_estimators

    for _, transformer in all_estimators(type_filter="transformer") if name.startswith("sklearn.") else ():
        package = [part for part in transformer.__module__.split(".") if not part.startswith("_")]
        if name == ".".join([*package, transformer.__name__]):
            return transformer
    raise UsageError(
        f"--features: there is no transformer {name!r}: names with dots are those of scikit-learn, in full, such as "
        "sklearn.preprocessing.Normalizer; those of skimgfeat have none"
    )
