"""From the estimator that a user gives to one that a worker can apply to any item."""

import copy
import time

import joblib
import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skimgfeat.io import ImageError
from skimgfeat.jobs._chunk import attempt

_OWNER = "extract"


class FitError(Exception):
    """What fitting a step raised for a file or library that is missing, in its ``args``: no image is to blame."""


def check_transformer(estimator):
    """Raise TypeError or NotFittedError for what cannot be run over items as it is."""
    if not callable(getattr(estimator, "transform", None)):
        predictor = " Its last step predicts; give the steps before it." if hasattr(estimator, "predict") else ""
        raise TypeError(f"{_OWNER}: estimator must have a transform method, got {estimator!r}.{predictor}")
    for step in leaves(estimator):
        if not (_is_fitted(step) or _learns_shape_only(step)):
            raise NotFittedError(
                f"{_OWNER}: {type(step).__name__} is not fitted, and learns more than the shape of images: "
                "fit the estimator on a sample of the images first."
            )


def for_workers(estimator):
    """Return the estimator as workers need it: on one thread, since they have the processors, and made to transform.

    What only ``partial_fit`` needs is left out: it may be large, and differs where what is computed does not.
    """
    if not hasattr(estimator, "get_params"):
        return estimator
    found = estimator.get_params()
    threads = [name for name in found if (name == "n_jobs" or name.endswith("__n_jobs")) and found[name] != 1]
    if not threads and not any(hasattr(step, "_forget_updates") for step in leaves(estimator)):
        return estimator
    estimator = copy.deepcopy(estimator).set_params(**dict.fromkeys(threads, 1))
    for step in leaves(estimator):
        if hasattr(step, "_forget_updates"):
            step._forget_updates()
    return estimator


def hash_estimator(estimator):
    """Return a hash of all that decides what the estimator computes: its settings and what it has learned."""
    _, error = found = attempt(joblib.hash, for_workers(estimator))
    if error is not None:
        raise TypeError(
            f"{_OWNER}: {estimator!r} cannot be pickled, which workers and a run that goes on need; use functions "
            f"with a name in place of lambdas. ({error})"
        ) from error
    return found[0]


def prepare(estimator, items):
    """Fit what is not fitted on the first item that can be read; return the estimator and what it makes of the item.

    Returns the ImageError of the first where no item of ``items`` can be read. Raises TypeError or ValueError where the
    item cannot be used, FitError where fitting misses something else.
    """
    failed: dict[int, ImageError] = {}
    for places, images, failures in items.read_batches():
        failed |= failures
        if places:
            images = images[:1]
            estimator = _fit(estimator, images)
            return estimator, estimator.transform(images)
    return failed[min(failed)]


def try_out(estimator, items):
    """Return what is wrong where images differ in shape and the estimator takes one shape only, else None.

    And the seconds that an item took at most.
    """
    seconds, good, bad = 0.0, set(), {}
    for places, images, _ in items.read_batches():
        for index in range(len(places)):
            image = images[index : index + 1]
            start = time.perf_counter()
            _, error = attempt(estimator.transform, image)
            seconds = max(seconds, time.perf_counter() - start)
            shape = np.shape(image[0]) if isinstance(image, (list, np.ndarray)) else ()
            if error is None:
                good.add(shape)
            elif isinstance(error, ValueError) and not isinstance(error, ImageError):
                bad[shape] = error
    bad = {shape: error for shape, error in bad.items() if shape not in good}
    if not (bad and good):
        return None, seconds
    examples = ", ".join(map(str, sorted(good | bad.keys())[:3]))
    problem = (
        f"X holds images of different shapes ({examples}), and they must be brought to one first: put "
        f"Resize((128, 128)) in front, --size 128x128 on the command line. ({next(iter(bad.values()))})"
    )
    return (problem if len(good) == 1 else None), seconds


def column_names(estimator, n_columns):
    """Return the names that the last step gives its columns; numbers where it names none."""
    names = _names_out(estimator, None)
    if names is None or len(names) != n_columns:
        return [f"feature_{number}" for number in range(n_columns)]
    return list(map(str, names))


def _names_out(estimator, names):
    """Return what an estimator makes of the names of the columns before it, None for those of images."""
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            names = names if isinstance(step, str) or step is None else _names_out(step, names)
        return names
    try:
        return estimator.get_feature_names_out(names)
    except AttributeError:  # neither do steps that give images have such names, nor a union with such a step in it
        return None


def leaves(estimator):
    """Yield the estimators that an estimator is made of."""
    if isinstance(estimator, Pipeline):
        parts = [step for _, step in estimator.steps]
    elif isinstance(estimator, FeatureUnion):
        parts = [part for _, part in estimator.transformer_list]
    else:
        yield estimator
        return
    for part in parts:
        if not isinstance(part, str) and part is not None:
            yield from leaves(part)


def _is_fitted(estimator):
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except TypeError:  # no estimator of scikit-learn's: it has nothing to fit, as far as anyone can tell
        return True
    # One that learns nothing counts as fitted from the first, and yet has no names for its columns before it was.
    return get_tags(estimator).requires_fit or hasattr(estimator, "n_features_in_")


def _learns_shape_only(estimator):
    return getattr(estimator, "_learns_shape_only", False) or not get_tags(estimator).requires_fit


def _fit(estimator, images):
    """Return a copy whose steps are fitted, each as far as it was not."""
    if all(map(_is_fitted, leaves(estimator))):
        return estimator
    estimator = copy.deepcopy(estimator)
    if isinstance(estimator, FeatureUnion):
        estimator.transformer_list = [
            (name, part if isinstance(part, str) else _fit(part, images)) for name, part in estimator.transformer_list
        ]
        return estimator
    if not isinstance(estimator, Pipeline):
        try:
            return estimator.fit(images)
        except (ImportError, OSError) as error:
            raise FitError(error) from error
    for index, (name, step) in enumerate(estimator.steps):
        if isinstance(step, str) or step is None:
            continue
        estimator.steps[index] = (name, _fit(step, images))
        images = estimator.steps[index][1].transform(images)
    return estimator
