"""MNIST, and EMNIST with its images upright."""

import os
import string
import zipfile
import zlib

import numpy as np

from skimgfeat._validation import check_choice
from skimgfeat.datasets._base import SUBSETS, as_bunch, download, get_data_home
from skimgfeat.io import read_idx

# MD5 sums as torchvision publishes them.
_MNIST_HASHES = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
_EMNIST_HASHES = {"gzip.zip": "md5:58c8d27c78d21e728a6bc7b3cc06412e"}

# Letters whose two cases look alike and are one class in bymerge and balanced keep the upper one.
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
_EMNIST_CLASSES = {
    "byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "bymerge": _MERGED,
    "balanced": _MERGED,
    "letters": string.ascii_uppercase,
    "digits": string.digits,
    "mnist": string.digits,
}
_IMAGES_AT_A_TIME = 4096


def fetch_mnist(
    *,
    subset="train",
    data_home=None,
    return_X_y=False,
    base_url="https://ossci-datasets.s3.amazonaws.com/mnist/",
):
    """Load the MNIST handwritten digits, downloading them (12 MB) the first time.

    =============  =============================
    Classes                                   10
    Images          60,000 train, 10,000 test
    Shape                                28 x 28
    Values          uint8, gray, bright on dark
    =============  =============================

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" is train, then test.
    data_home : path-like or None, default=None
        Where the files are kept: see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return ``(images, target)`` instead of a Bunch.
    base_url : str
        The folder on the web that holds the four files ``train-images-idx3-ubyte.gz``, ...: a mirror.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        images : uint8 ndarray of shape (n_samples, 28, 28)
            As published.
        target : int64 ndarray of shape (n_samples,)
            The digit.
        target_names : ndarray of shape (10,)
            The digits as strings.
        DESCR : str
            Source and layout.
    (images, target) : tuple of ndarrays
        With ``return_X_y=True``.

    Raises
    ------
    OSError
        Where the download fails.
    ValueError
        Where a file does not have the known MD5 sum; nothing is kept of it.
    ImportError
        Without pooch (the extra ``datasets``).

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition, Proceedings
    of the IEEE 86 (1998), https://doi.org/10.1109/5.726791

    Examples
    --------
    >>> from skimgfeat.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((10000, 28, 28), dtype('uint8'))
    """
    owner = "fetch_mnist"
    parts = SUBSETS[check_choice(owner, "subset", subset, SUBSETS)]
    folder = get_data_home(data_home) / "mnist"

    def fetch(name):
        return download(owner, base_url, name, _MNIST_HASHES[name], folder)

    prefixes = [{"train": "train", "test": "t10k"}[part] for part in parts]
    pairs = [
        _read_pair(fetch(f"{prefix}-images-idx3-ubyte.gz"), fetch(f"{prefix}-labels-idx1-ubyte.gz"), 10)
        for prefix in prefixes
    ]
    description = f"MNIST ({subset}): handwritten digits, 28 x 28 pixels, uint8. https://doi.org/10.1109/5.726791"
    images, target = _join(pairs)
    return as_bunch(owner, images, target, list(string.digits), description, return_X_y)


def fetch_emnist(
    *,
    split="byclass",
    subset="train",
    data_home=None,
    return_X_y=False,
    base_url="https://biometrics.nist.gov/cs_links/EMNIST/",
):
    """Load the EMNIST handwritten characters, upright, downloading them (562 MB) the first time.

    =============  ======================================================================
    Classes         62 (byclass), 47 (bymerge, balanced), 26 (letters), 10 (digits, mnist)
    Images          814,255 (byclass, bymerge; of these 697,932 train and 116,323 test),
                    131,600 (balanced), 145,600 (letters), 280,000 (digits), 70,000 (mnist)
    Shape           28 x 28
    Values          uint8, gray, bright on dark
    =============  ======================================================================

    Parameters
    ----------
    split : {"byclass", "bymerge", "balanced", "letters", "digits", "mnist"}, default="byclass"
        Which of the six data sets.
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" is train, then test.
    data_home : path-like or None, default=None
        Where the file is kept: see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return ``(images, target)`` instead of a Bunch.
    base_url : str
        The folder on the web that holds ``gzip.zip``: a mirror.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        images : uint8 ndarray of shape (n_samples, 28, 28)
            Upright.
        target : int64 ndarray of shape (n_samples,)
            Counts from 0 in every split, so that ``target_names[target]`` are the characters.
        target_names : ndarray of shape (n_classes,)
            Digits, upper-case letters, lower-case letters. In bymerge and balanced an upper-case letter may stand for
            both cases; in letters it always does.
        DESCR : str
            Source and layout.
    (images, target) : tuple of ndarrays
        With ``return_X_y=True``.

    Raises
    ------
    OSError
        Where the download fails.
    ValueError
        Where the file does not have the known MD5 sum; nothing is kept of it.
    ImportError
        Without pooch (the extra ``datasets``).

    Notes
    -----
    Two things differ from the published files: their images are transposed, and here they are upright; the labels of
    the split "letters" are 1 to 26, and here they are 0 to 25.

    References
    ----------
    G. Cohen, S. Afshar, J. Tapson and A. van Schaik, EMNIST: an extension of MNIST to handwritten letters (2017),
    https://arxiv.org/abs/1702.05373

    Examples
    --------
    >>> from skimgfeat.datasets import fetch_emnist
    >>> X, y = fetch_emnist(split="byclass", subset="all", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((814255, 28, 28), dtype('uint8'))
    """
    owner = "fetch_emnist"
    classes = _EMNIST_CLASSES[check_choice(owner, "split", split, _EMNIST_CLASSES)]
    parts = SUBSETS[check_choice(owner, "subset", subset, SUBSETS)]
    folder = get_data_home(data_home) / "emnist"
    path = download(owner, base_url, "gzip.zip", _EMNIST_HASHES["gzip.zip"], folder)
    first = 1 if split == "letters" else 0
    pairs = [_read_emnist_pair(path, f"gzip/emnist-{split}-{part}", len(classes), first) for part in parts]
    description = (
        f"EMNIST {split} ({subset}): handwritten characters, 28 x 28 pixels, uint8, upright (the published images are "
        "transposed). https://arxiv.org/abs/1702.05373"
    )
    images, target = _join(pairs)
    return as_bunch(owner, images, target, list(classes), description, return_X_y)


def _read_emnist_pair(path, prefix, n_classes, first):
    """Read images and labels out of the published zip file, without unpacking it to disk."""
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(f"{prefix}-images-idx3-ubyte.gz") as images,
            archive.open(f"{prefix}-labels-idx1-ubyte.gz") as labels,
        ):
            images, target = _read_pair(images, labels, n_classes, first)
    except (KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"fetch_emnist: {os.fspath(path)!r} is not the published EMNIST file: {error}.") from error
    for start in range(0, len(images), _IMAGES_AT_A_TIME):  # in place: no second copy of half a gigabyte
        batch = images[start : start + _IMAGES_AT_A_TIME]
        batch[:] = batch.swapaxes(1, 2).copy()
    return images, target


def _read_pair(images_source, labels_source, n_classes, first=0):
    """Read an idx file of images and the one of their labels, which count from ``first``."""
    images, labels = read_idx(images_source), read_idx(labels_source)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{images_source!r} and {labels_source!r} must hold images of 28 x 28 bytes and a label each, got arrays "
            f"of shapes {images.shape} and {labels.shape}."
        )
    target = labels.astype(np.int64) - first
    if len(target) and not 0 <= target.min() <= target.max() < n_classes:
        raise ValueError(f"{labels_source!r} holds labels outside {first} to {n_classes - 1 + first}.")
    return images, target


def _join(pairs):
    images, targets = zip(*pairs, strict=True)
    return (images[0], targets[0]) if len(pairs) == 1 else (np.concatenate(images), np.concatenate(targets))
