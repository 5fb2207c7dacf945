"""CIFAR-10, in the published form that needs no pickle."""

import os
import tarfile
import zlib

import numpy as np

from skimgfeat._validation import check_choice
from skimgfeat.datasets._base import SUBSETS, as_bunch, download, get_data_home

_FILE = "cifar-10-binary.tar.gz"
_HASHES = {_FILE: "md5:c32a1d4ab5d03f1284b67883e8d87530"}  # as the page below publishes it
_FOLDER = "cifar-10-batches-bin"
_BATCHES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
_RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the red, green and blue plane


def fetch_cifar10(*, subset="train", data_home=None, return_X_y=False, base_url="https://www.cs.toronto.edu/~kriz/"):
    """Load the CIFAR-10 photos, downloading them (170 MB) the first time.

    =============  =============================
    Classes                                   10
    Images          50,000 train, 10,000 test
    Shape           32 x 32 x 3
    Values          uint8, RGB
    =============  =============================

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" is train, then test.
    data_home : path-like or None, default=None
        Where the file is kept: see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return ``(images, target)`` instead of a Bunch.
    base_url : str
        The folder on the web that holds ``cifar-10-binary.tar.gz``: a mirror.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        images : uint8 ndarray of shape (n_samples, 32, 32, 3)
            The channels of a pixel side by side.
        target : int64 ndarray of shape (n_samples,)
            The class, as an index into ``target_names``.
        target_names : ndarray of shape (10,)
            "airplane" to "truck".
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
    The better-known Python version holds pickles; this reads the binary version, out of the archive, with NumPy alone.

    References
    ----------
    A. Krizhevsky, Learning multiple layers of features from tiny images (2009),
    https://www.cs.toronto.edu/~kriz/cifar.html

    Examples
    --------
    >>> from skimgfeat.datasets import fetch_cifar10
    >>> X, y = fetch_cifar10(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((10000, 32, 32, 3), dtype('uint8'))
    """
    owner = "fetch_cifar10"
    parts = SUBSETS[check_choice(owner, "subset", subset, SUBSETS)]
    path = download(owner, base_url, _FILE, _HASHES[_FILE], get_data_home(data_home) / "cifar10")
    records = _read_records(path, [batch for part in parts for batch in _BATCHES[part]])
    images = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    description = (
        f"CIFAR-10 ({subset}): photos, 32 x 32 pixels, RGB, uint8. https://www.cs.toronto.edu/~kriz/cifar.html"
    )
    return as_bunch(owner, images, records[:, 0].astype(np.int64), _CLASSES, description, return_X_y)


def _read_records(path, batches):
    """Read the named batch files out of the archive, in one pass over it and without unpacking it to disk."""
    found = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if folder == _FOLDER and name in batches and (stream := archive.extractfile(member)):
                    found[name] = np.frombuffer(stream.read(), dtype=np.uint8)
    except (EOFError, tarfile.TarError, zlib.error) as error:
        raise ValueError(f"fetch_cifar10: {os.fspath(path)!r} is not the published file: {error}.") from error
    for name in batches:
        if name not in found or len(found[name]) % _RECORD or np.any(found[name][::_RECORD] >= len(_CLASSES)):
            raise ValueError(
                f"fetch_cifar10: {os.fspath(path)!r} is not the published file: {_FOLDER}/{name} is missing or does "
                f"not consist of records of {_RECORD} bytes with a label 0 to 9."
            )
    return np.concatenate([found[name] for name in batches]).reshape(-1, _RECORD)
