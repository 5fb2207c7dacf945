"""Images in a Parquet file as a data set."""

import os

import numpy as np

from skimgfeat.datasets._base import as_bunch
from skimgfeat.io import read_class_names, read_images, read_labels


def load_parquet_images(path, *, return_X_y=False):
    """Load a Parquet file with a column of encoded images and a column of labels.

    Parameters
    ----------
    path : path-like
        A Parquet file with the columns ``image`` (binary: JPEG, PNG, ... files of one size, 8-bit gray or RGB) and
        ``label`` (numbers or strings). The key ``classes`` of its schema metadata may hold the class names, separated
        by commas.
    return_X_y : bool, default=False
        Whether to return ``(images, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        images : uint8 ndarray of shape (n_samples, rows, cols) or (n_samples, rows, cols, 3)
            Decoded.
        target : ndarray of shape (n_samples,)
            int64, or the dtype of the column where that holds no integers.
        target_names : ndarray of shape (n_classes,) or None
            None where the file has no class names.
        DESCR : str
            Source and layout.
    (images, target) : tuple of ndarrays
        With ``return_X_y=True``.

    Raises
    ------
    ValueError
        For a file that is not Parquet or is damaged, missing columns or values, images of several sizes, and images
        that cannot be decoded; the message names the row.
    ImportError
        Without pyarrow (the extra ``parquet``).

    Examples
    --------
    >>> import io, os, tempfile
    >>> import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    >>> from PIL import Image
    >>> from skimgfeat.datasets import load_parquet_images
    >>> buffer = io.BytesIO()
    >>> Image.fromarray(np.zeros((8, 6, 3), dtype=np.uint8)).save(buffer, format="PNG")
    >>> table = pa.table({"image": [buffer.getvalue()] * 2, "label": [0, 1]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(table, os.path.join(folder, "images.parquet"))
    ...     data = load_parquet_images(os.path.join(folder, "images.parquet"))
    >>> data.images.shape, data.target
    ((2, 8, 6, 3), array([0, 1]))
    """
    images, target = read_images(path), read_labels(path)
    if target.dtype.kind in "iu":
        target = target.astype(np.int64)
    description = f"{len(images)} images of shape {images.shape[1:]} from {os.fsdecode(path)!r}."
    return as_bunch("load_parquet_images", images, target, read_class_names(path), description, return_X_y)
