"""Descriptors that were saved as object arrays, which only pickle can read."""

import zipfile

import numpy as np

_OWNER = "read_object_npz"
_DESCRIPTORS, _NAMES = "descriptors_list", "filenames"


def read_object_npz(path, *, unsafe=False):
    """Read an .npz file that holds descriptors as an object array, which means reading a pickle.

    Such files are what ``numpy.savez_compressed(path, descriptors_list=..., filenames=...)`` makes of a list of arrays.

    Parameters
    ----------
    path : path-like
        The file.
    unsafe : bool, default=False
        Must be True: reading the file runs whatever code somebody put into it. Read only what you made yourself, or
        have from somebody you trust.

    Returns
    -------
    descriptors : list of ndarray of shape (k_i, d)
        One array an image, of the type they were saved with, floats where that is lost; (0, d) where the file has None.
    names : list of str
        The path of each image.

    Raises
    ------
    ValueError
        Without ``unsafe=True``, and for a file without these two arrays.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimgfeat.io import read_object_npz
    >>> arrays = np.array([np.zeros((2, 128), np.float32), None], dtype=object)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "sift.npz")
    ...     np.savez_compressed(path, descriptors_list=arrays, filenames=["a.jpg", "b.jpg"])
    ...     descriptors, names = read_object_npz(path, unsafe=True)
    >>> [array.shape for array in descriptors], names
    ([(2, 128), (0, 128)], ['a.jpg', 'b.jpg'])
    """
    if unsafe is not True:
        raise ValueError(
            f"{_OWNER}: {path!s} holds Python objects, and reading it runs whatever code is in it: "
            "pass unsafe=True if you made it or trust who did."
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{_OWNER}: {path!s} is no .npz file.")
    with np.load(path, allow_pickle=True) as file:
        missing = [name for name in (_DESCRIPTORS, _NAMES) if name not in file.files]
        if missing:
            raise ValueError(f"{_OWNER}: {path!s} has no array {missing[0]!r}.")
        found, names = file[_DESCRIPTORS], file[_NAMES]
    if len(found) != len(names):
        raise ValueError(f"{_OWNER}: {path!s} holds descriptors of {len(found)} images, and names of {len(names)}.")
    arrays = [None if image is None else _as_numbers(image) for image in found]
    first = next((array for array in arrays if array is not None), np.empty((0, 128), dtype=np.float32))
    return [first[:0] if array is None else array for array in arrays], [str(name) for name in names]


def _as_numbers(image):
    """Return an array of numbers: of images with one shape NumPy makes objects of the numbers themselves."""
    array = np.asarray(image)
    return array.astype(np.float32) if array.dtype == object else array
