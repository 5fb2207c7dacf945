"""The demo: what HOG and the handcrafted features are worth on packaged images, and how quickly they are computed."""

from dataclasses import dataclass
from statistics import median
from time import thread_time

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC

from skimgfeat._validation import check_integer
from skimgfeat.datasets import load_digits, load_faces, load_textures
from skimgfeat.features import HOG, HandcraftedFeatures
from skimgfeat.kernels import reference
from skimgfeat.preprocessing import Resize

_N_FOLDS = 3
_LOOP_IMAGES = 40
_LOOP_REPEATS = 3
_REPEATS = 15
# Largest difference of values that count as equal, absolute or relative.
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class DemoCase:
    """One extractor on one data set.

    Attributes
    ----------
    data_set, features : str
        "digits", "faces" or "textures"; "HOG" or "handcrafted".
    images : ndarray of shape (n_samples, rows, cols)
        As packaged, before any resizing.
    target : int64 ndarray of shape (n_samples,)
        The class of each image.
    target_names : ndarray of str of shape (n_classes,)
        The names of the classes.
    groups : int64 ndarray of shape (n_samples,) or None
        Images that resemble each other because they were cut from one place, if any.
    size : tuple (rows, cols) of int or None
        What the images are resized to first, in pixels.
    extractor : HOG or HandcraftedFeatures
        Not fitted.
    """

    data_set: str
    features: str
    images: np.ndarray
    target: np.ndarray
    target_names: np.ndarray
    groups: np.ndarray | None
    size: tuple[int, int] | None
    extractor: HOG | HandcraftedFeatures

    def resized_images(self):
        """Return the images as the extractor sees them."""
        return self.images if self.size is None else Resize(self.size).fit_transform(self.images)


@dataclass(frozen=True)
class DemoRates:
    """Images per second of processor time, one thread each: an extractor and the loop over scikit-image.

    Attributes
    ----------
    images_per_second, loop_images_per_second : float
        Of the extractor and of the loop, the median of several runs.
    n_columns : int
        Number of features of an image.
    share_equal : float
        Share of the values on which both agree within 1e-5, absolute or relative.
    """

    images_per_second: float
    loop_images_per_second: float
    n_columns: int
    share_equal: float


def load_demo_cases(n_images=None):
    """Load the packaged digits, faces and textures, each with HOG and with the handcrafted features.

    Parameters
    ----------
    n_images : int or None, default=None
        How many images of each data set to draw, as many of each class as of the others; None takes all.

    Returns
    -------
    cases : list of DemoCase
        Six of them.

    Examples
    --------
    >>> from skimgfeat.recipes import load_demo_cases
    >>> for case in load_demo_cases(n_images=30)[:2]:
    ...     print(case.data_set, case.features, case.images.shape)
    digits HOG (30, 8, 8)
    digits handcrafted (30, 8, 8)
    """
    if n_images is not None:
        n_images = check_integer("load_demo_cases", "n_images", n_images, minimum=30)
    cases = []
    # Handwriting 8 pixels high is too small for cells of 4 pixels.
    for name, data, size, cell in (
        ("digits", load_digits(), (32, 32), (4, 4)),
        ("faces", load_faces(), None, (4, 4)),
        ("textures", load_textures(), None, (8, 8)),
    ):
        chosen = _choose(data.target, n_images)
        groups = data.groups[chosen] if "groups" in data else None
        hog = {"pixels_per_cell": cell, "cells_per_block": (2, 2)}
        for extractor in (HOG(**hog), HandcraftedFeatures(threshold="otsu", **hog)):
            features = "HOG" if isinstance(extractor, HOG) else "handcrafted"
            images, target = data.images[chosen], data.target[chosen]
            cases.append(DemoCase(name, features, images, target, data.target_names, groups, size, extractor))
    return cases


def _choose(target, n_images):
    """Return the indices of n_images, in order."""
    every = np.arange(len(target))
    if n_images is None or n_images > len(target) - len(set(target)):
        return every
    return np.sort(train_test_split(every, train_size=n_images, stratify=target, random_state=0)[0])


def cross_validate_case(case, *, n_jobs=None):
    """Cross-validate three classifiers on the features of a case.

    Each is the last step of a pipeline of its own: the size, the features, their scale, the classifier. No image
    shares its group with one that the classifier was trained on.

    Parameters
    ----------
    case : DemoCase
        Images, labels and extractor.
    n_jobs : int or None, default=None
        Number of threads of the extractor and of the forest.

    Returns
    -------
    accuracies : dict of str to float
        The mean accuracy of "kNN", "RandomForest" and "LinearSVC" over the folds.

    Examples
    --------
    >>> from skimgfeat.recipes import cross_validate_case, load_demo_cases
    >>> accuracies = cross_validate_case(load_demo_cases(n_images=60)[2])
    >>> all(accuracy > 0.6 for accuracy in accuracies.values())
    True
    """
    if case.groups is None:
        folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=0)
    else:
        folds = GroupKFold(len(set(case.groups)))
    return {
        name: float(
            cross_val_score(
                _make_pipeline(case, classifier, n_jobs), case.images, case.target, groups=case.groups, cv=folds
            ).mean()
        )
        for name, classifier in (
            ("kNN", KNeighborsClassifier()),
            ("RandomForest", RandomForestClassifier(random_state=0, n_jobs=n_jobs)),
            ("LinearSVC", LinearSVC(random_state=0)),
        )
    }


def _make_pipeline(case, classifier, n_jobs):
    resize = [] if case.size is None else [Resize(case.size, n_jobs=n_jobs)]
    return make_pipeline(*resize, clone(case.extractor).set_params(n_jobs=n_jobs), MinMaxScaler(), classifier)


def measure_rates(case):
    """Time an extractor beside a loop over scikit-image that computes the same numbers.

    Both run on one thread, in this process, and once before the clock starts; the extractor on all images, the loop on
    some of them. Seconds are those of the processor, so that other work on the machine slows neither side.

    Parameters
    ----------
    case : DemoCase
        Images and extractor.

    Returns
    -------
    rates : DemoRates
        Images per second of both.

    Examples
    --------
    >>> from skimgfeat.recipes import load_demo_cases, measure_rates
    >>> rates = measure_rates(load_demo_cases(n_images=30)[0])
    >>> rates.n_columns, rates.share_equal
    (1764, 1.0)
    """
    images = case.resized_images()
    some = images[:: -(-len(images) // _LOOP_IMAGES)]
    extractor = clone(case.extractor).set_params(n_jobs=1).fit(images)
    ours, theirs = extractor.transform(some), _loop_over_scikit_image(extractor, some)
    agree = np.isclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE)
    seconds = _median_seconds(lambda: extractor.transform(images), _REPEATS)
    loop_seconds = _median_seconds(lambda: _loop_over_scikit_image(extractor, some), _LOOP_REPEATS)
    return DemoRates(
        images_per_second=len(images) / seconds,
        loop_images_per_second=len(some) / loop_seconds,
        n_columns=ours.shape[1],
        share_equal=float(agree.mean()),
    )


def _loop_over_scikit_image(extractor, images):
    """Return the rows of a fitted extractor, computed one image at a time by scikit-image and NumPy."""
    kernel = reference.hog if isinstance(extractor, HOG) else reference.handcrafted
    batch, parameters = extractor._kernel_arguments(images)
    out = np.empty((len(images), extractor._n_features_out), dtype=np.float32)
    kernel(batch, out, **parameters)
    return out


def _median_seconds(function, n_repeats):
    """Return the median processor time of this thread."""
    seconds = []
    for _ in range(n_repeats):
        start = thread_time()
        function()
        seconds.append(thread_time() - start)
    return median(seconds)
