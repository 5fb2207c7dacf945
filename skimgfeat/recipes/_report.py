"""A page that shows what a run has made: similar images, statistics, failures."""

import os
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.utils import _safe_indexing

from skimgfeat._parallel import count_threads
from skimgfeat._validation import check_choice, check_flag, check_integer, check_n_jobs, check_random_state_of
from skimgfeat.io import ImageError, atomic_write, read_images
from skimgfeat.io._sources import is_address
from skimgfeat.neighbors._rows import METRICS
from skimgfeat.recipes._report_data import compare, read_rows, summarize
from skimgfeat.recipes._report_page import render
from skimgfeat.recipes._report_source import open_source
from skimgfeat.recipes._report_statistics import Sample
from skimgfeat.recipes._report_thumbnails import LARGEST, make_thumbnails

_OWNER = "write_report"
# What a page in the folder of a run may replace: an older one.
_PAGES = (".html", ".htm")


@dataclass(frozen=True)
class ReportAccount:
    """What a report shows.

    Attributes
    ----------
    output : str
        The file.
    rows : int
        How many rows of features there are.
    shown : int
        How many of them are shown and compared.
    failed : int
        How many images have no features.
    without_picture : int
        Of how many images shown there is no picture.
    n_bytes : int
        The size of the file.

    Examples
    --------
    >>> from skimgfeat.recipes import ReportAccount
    >>> print(ReportAccount("report.html", rows=1200, shown=1000, failed=3, without_picture=1, n_bytes=5_400_000))
    1000 of 1200 rows shown, 1 without a picture; 3 images failed; 5.4 MB
    """

    output: str
    rows: int
    shown: int
    failed: int
    without_picture: int
    n_bytes: int

    def to_dict(self):
        """Return the numbers as a dictionary that JSON takes.

        Returns
        -------
        numbers : dict
            The attributes.
        """
        return asdict(self)

    def __str__(self):
        return (
            f"{self.shown} of {self.rows} rows shown, {self.without_picture} without a picture; "
            f"{self.failed} images failed; {self.n_bytes / 1e6:.1f} MB"
        )


def write_report(
    features,
    output,
    *,
    images=None,
    y=None,
    title=None,
    metric="euclidean",
    standardize=False,
    n_neighbors=12,
    n_farthest=6,
    max_images=1000,
    thumbnail_size=128,
    random_state=0,
    n_jobs=None,
):
    """Write a page that shows what features say of images: which are similar, how the columns spread, what failed.

    The page is one HTML file that needs no other and asks for none. A click on an image shows those nearest to it and
    farthest from it.

    Parameters
    ----------
    features : path-like, ndarray of shape (n_samples, n_features), or data frame
        A finished run, which :func:`~skimgfeat.extract` or :func:`~skimgfeat.datasets.build_box_dataset` has written;
        an ``.npy``, ``.npz`` or Parquet file; or rows in memory.
    output : path-like
        The HTML file. It appears when it is complete, and replaces one that is there.
    images : path-like, ImageCollection, sequence of arrays or None, default=None
        Where the pictures come from. None reads the images of the run again, as the run did; of a Parquet file, those
        that its column ``image_path`` names inside its folder. A folder is where these paths lead now, or those of a
        data frame. Anything else, or a file that :func:`~skimgfeat.io.read_images` takes, has an image for each item.
    y : array-like of shape (n_items,) or None, default=None
        Labels; None takes those that stand beside the features.
    title : str or None, default=None
        Of the page; None takes the name of what is shown.
    metric : {"euclidean", "cosine"}, default="euclidean"
        How rows are compared: see :class:`~skimgfeat.SimilarityIndex`.
    standardize : bool, default=False
        Whether columns are brought to mean 0 and variance 1, over the rows shown, before they are compared.
    n_neighbors, n_farthest : int, default=12 and 6
        How many images are shown with each.
    max_images : int, default=1000
        Of more rows, so many are drawn at random, shown and compared with each other. Statistics are of all rows.
    thumbnail_size : int, default=128
        The longer side of a picture, in pixels, at most; up to 16383, which is what WebP holds.
    random_state : int, RandomState instance or None, default=0
        Which rows are drawn.
    n_jobs : int or None, default=None
        Number of threads. None is 1 unless a ``joblib.parallel_config`` says otherwise.

    Returns
    -------
    account : ReportAccount
        What the page shows.

    Raises
    ------
    FileNotFoundError
        Where there are no features, or no folder for the page.
    IsADirectoryError
        Where ``output`` is a folder.
    TypeError, ValueError
        For a parameter or file that cannot be used, a page that would replace what it is made of, a run that is not
        finished, images or labels of another number than the items, and rows too large to compare.
    ImportError
        For Parquet without pyarrow.

    See Also
    --------
    skimgfeat.SimilarityIndex : Finds the neighbors.
    skimgfeat.SimilarityDisplay : The same for one image, as a picture.

    Notes
    -----
    Images without features, and rows with values that are not finite, are not compared. An image of which no picture
    can be made has a placeholder that says why. Characters of names, labels and messages that would show nothing, or
    turn the direction of the text around them, stand as escapes.

    Examples
    --------
    >>> import os, tempfile
    >>> from skimgfeat.datasets import load_digits
    >>> from skimgfeat.recipes import write_report
    >>> images, labels = load_digits(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.html")
    ...     account = write_report(images.reshape(1797, 64), path, images=images, y=labels, max_images=100)
    >>> account.rows, account.shown, account.without_picture
    (1797, 100, 0)
    """
    _check_options(title, metric, standardize, n_jobs)
    numbers = {"n_neighbors": n_neighbors, "n_farthest": n_farthest}
    sizes = {"max_images": max_images, "thumbnail_size": thumbnail_size}
    for name, value in {**numbers, **sizes}.items():
        check_integer(_OWNER, name, value, minimum=1)
    if thumbnail_size > LARGEST:
        raise ValueError(
            f"{_OWNER}: thumbnail_size must be at most {LARGEST}, the largest side of a WebP, got {thumbnail_size}."
        )
    sample_state = check_random_state_of(_OWNER, random_state)
    options = {"metric": metric, "standardize": standardize, **numbers, **sizes, "random_state": random_state}
    _check_output(output, {"features": features, "images": images})
    source = open_source(_OWNER, features)
    y, images = _check_labels(y, source.n_items), _open_images(images, source.n_items)
    shown = read_rows(source, y, Sample(max_images, source.n_rows, sample_state))
    thumbnails = make_thumbnails(_find_images(shown, source, images), thumbnail_size, count_threads(n_jobs))
    # Images that are given, one an item, need nothing said of those of the run.
    note = source.note_on(images) if images is None or isinstance(images, str) else ""
    notes = [note] if note else []
    data = summarize(shown, source, thumbnails, notes, options)
    data |= compare(shown, metric, standardize, numbers, n_jobs)
    page = render(_title(features) if title is None else title, data)
    with atomic_write(output) as file:
        file.write(page)
    return ReportAccount(
        output=os.fsdecode(output),
        rows=source.n_rows,
        shown=len(shown.rows),
        failed=shown.n_failed,
        without_picture=sum(not thumbnail.uri for thumbnail in thumbnails),
        n_bytes=len(page),
    )


def _check_options(title, metric, standardize, n_jobs):
    if title is not None and not isinstance(title, str):
        raise TypeError(f"{_OWNER}: title must be None or a string, got {title!r}.")
    check_choice(_OWNER, "metric", metric, METRICS)
    check_flag(_OWNER, "standardize", standardize)
    check_n_jobs(_OWNER, n_jobs)


def _check_output(output, inputs):
    """Refuse, before any work, an output that cannot be written or that would replace one of the inputs."""
    if not isinstance(output, (str, bytes, os.PathLike)):
        raise TypeError(f"{_OWNER}: output must be the path of a file, got {output!r}.")
    path = os.path.realpath(os.fsdecode(output))
    if os.path.isdir(path):
        raise IsADirectoryError(f"{_OWNER}: output {path!r} is a folder. Give the name of a file in it.")
    if not os.path.isdir(os.path.dirname(path)):
        raise FileNotFoundError(
            f"{_OWNER}: cannot write output {path!r}: its folder does not exist. Create the folder first."
        )
    for name, given in inputs.items():
        is_file = isinstance(given, (str, os.PathLike)) and os.path.isfile(given)
        if is_file and os.path.exists(path) and os.path.samefile(given, path):
            raise ValueError(f"{_OWNER}: output {path!r} is the file of {name}. Choose another name for the page.")
        if os.path.isfile(path) and not path.lower().endswith(_PAGES) and _is_inside(path, given):
            raise ValueError(
                f"{_OWNER}: output {path!r} is a file in the folder of {name}. Choose another name for the page."
            )


def _is_inside(path, folder):
    is_folder = isinstance(folder, (str, os.PathLike)) and os.path.isdir(folder)
    return is_folder and path.startswith(os.path.join(os.path.realpath(folder), ""))


def _check_labels(y, n_items):
    if y is None:
        return None
    # Numbers and texts in one list stay what they are: NaN would become the text "nan".
    y = np.asarray(y, dtype=object if isinstance(y, (list, tuple)) else None)
    if y.shape != (n_items,):
        raise ValueError(f"{_OWNER}: y must hold a label for each of {n_items} items, got shape {y.shape}.")
    return y.tolist()


def _open_images(images, n_items):
    """Return the images of all items that were given, as they are, in a file, or None; of a folder, its path."""
    if images is None:
        return None
    if isinstance(images, (str, os.PathLike)):
        path = os.fsdecode(images)
        if is_address(path) or os.path.isdir(path):
            return path
        images = read_images(path)
    if len(images) != n_items:
        raise ValueError(f"{_OWNER}: images must be one for each of {n_items} items, got {len(images)}.")
    return images


def _find_images(shown, source, images):
    """Return the images of the rows shown; for those that cannot be found, why, in place of each."""
    if not shown.rows:
        return []
    if images is not None and not isinstance(images, str):
        return _safe_indexing(images, shown.columns["index"])
    if source.find_images is None:
        return [ImageError("unknown", source.note_on(images))] * len(shown.rows)
    return source.find_images(shown.columns, np.stack(shown.rows), images)


def _title(features):
    """Return the name of what is shown."""
    if not isinstance(features, (str, os.PathLike)):
        return "Features"
    return os.path.basename(os.fsdecode(features).rstrip("/\\")) or "Features"
