"""What the data sets share: the folder, the download, the returned Bunch."""

import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skimgfeat._validation import check_flag

SUBSETS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}


def get_data_home(data_home=None):
    """Return the folder that downloaded data sets are kept in, and create it where it is missing.

    Parameters
    ----------
    data_home : path-like or None, default=None
        The folder; "~" is expanded. None takes the environment variable ``SKIMGFEAT_DATA_HOME``, and where that is
        not set ``~/skimgfeat_data``.

    Returns
    -------
    data_home : pathlib.Path
        The folder.

    Examples
    --------
    >>> import tempfile
    >>> from skimgfeat.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     get_data_home(f"{folder}/images").is_dir()
    True
    """
    if data_home is None:
        data_home = os.environ.get("SKIMGFEAT_DATA_HOME", os.path.join("~", "skimgfeat_data"))
    data_home = Path(data_home).expanduser()
    data_home.mkdir(parents=True, exist_ok=True)
    return data_home


def download(owner, base_url, file_name, known_hash, folder):
    """Return the path of a file in ``folder``, downloading it unless it is there with the known hash.

    pooch writes to a temporary name and renames only what has the known hash.
    """
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            f"{owner}: downloads need pooch, which is not installed: pip install 'skimgfeat[datasets]'."
        ) from error
    url = f"{base_url.rstrip('/')}/{file_name}"
    # NIST's server refuses the default user agents of Python's clients.
    downloader = pooch.HTTPDownloader(headers={"User-Agent": "skimgfeat"})
    try:
        return pooch.retrieve(url, known_hash, fname=file_name, path=folder, downloader=downloader)
    except OSError as error:
        raise OSError(
            f"{owner}: could not download {url} ({error}). Try again later, give the base_url of a mirror, "
            f"or put the file into {str(folder)!r} yourself."
        ) from error
    except ValueError as error:
        raise ValueError(f"{owner}: {url} is not the published file, or its download was damaged ({error}).") from error


def as_bunch(owner, images, target, target_names, description, return_X_y, **extra):
    """Return images and labels as every data set does: as a Bunch, or as (images, target)."""
    if check_flag(owner, "return_X_y", return_X_y):
        return images, target
    if target_names is not None:
        target_names = np.array(target_names)
    return Bunch(images=images, target=target, target_names=target_names, DESCR=description, **extra)
