"""What is written beside features of networks: enough to make the same features again."""

import json

from sklearn.pipeline import Pipeline

from skimgfeat.io import atomic_write
from skimgfeat.jobs._prepare import leaves

_FORMAT = 1


def describe_models(estimator, items):
    """Return the content of the file, None where no step has a model to tell of.

    A step has one where it has a method ``model_info``, which tells of it, fitted, as JSON takes it.
    """
    steps = [_describe_step(step) for step in leaves(estimator)]
    if not any("model" in step for step in steps):
        return None
    kind = "pipeline" if isinstance(estimator, Pipeline) else "estimator"
    return {"format": _FORMAT, "input": items.describe(), kind: repr(estimator), "steps": steps}


def write_models(path, models):
    """Write what :func:`describe_models` gives to a JSON file; of a parameter that JSON does not take, its repr."""
    with atomic_write(path) as file:
        file.write((json.dumps(models, indent=1, default=repr) + "\n").encode())


def _describe_step(step):
    described = {"estimator": type(step).__name__}
    if hasattr(step, "get_params"):
        described["parameters"] = step.get_params(deep=False)
    if hasattr(step, "model_info"):
        described["model"] = step.model_info()
    return described
