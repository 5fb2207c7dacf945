"""Descriptors of new images join a store, in a run of their own."""

import os
from collections import defaultdict

import numpy as np

from skimgfeat.jobs._account import sum_accounts
from skimgfeat.jobs._extract import extract
from skimgfeat.jobs._folder import ITEMS, JOB, MANIFEST, JobFolder
from skimgfeat.jobs._items import as_items
from skimgfeat.jobs._prepare import hash_estimator
from skimgfeat.jobs._readers import load_account
from skimgfeat.jobs._store import PART, part_folders


def extend_store(estimator, X, store, **options):
    """Extract what is not in a store yet, in a run of its own; go on with one that did not end.

    Parameters
    ----------
    estimator : transformer or Pipeline
        As for :func:`skimgfeat.extract`; the same for all runs of a store.
    X : path-like, ImageCollection, DescriptorStore or sequence of paths
        Images, known by their paths.
    store : path-like
        The folder of runs, made where it is missing; or an address, as for :func:`skimgfeat.extract`.
    **options
        Of :func:`skimgfeat.extract`.

    Returns
    -------
    account : Account
        What became of every item of all runs.

    Raises
    ------
    ValueError
        For an X without paths, or another estimator than that of the runs before. See also :func:`skimgfeat.extract`.

    Examples
    --------
    >>> import os, tempfile
    >>> from skimage import data, io
    >>> from skimgfeat import SIFT, DescriptorStore
    >>> from skimgfeat.jobs import extend_store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images, store = os.path.join(folder, "images"), os.path.join(folder, "sift")
    ...     os.mkdir(images)
    ...     for name in ("camera", "coins"):
    ...         io.imsave(os.path.join(images, f"{name}.png"), getattr(data, name)())
    ...         print(extend_store(SIFT(n_features=10), images, store).listed)
    ...     DescriptorStore(store).names
    1
    2
    ['camera.png', 'coins.png']
    """
    X = as_items(X, None).X
    if not hasattr(X, "names"):
        raise ValueError("extend_store: X must be images with paths, which tell what is in the store already.")
    names = np.array(X.names, dtype=object)
    if not all(names):
        raise ValueError(
            "extend_store: X holds images without a path, which nobody can find in the store again; give them to "
            "extract, with a folder of their own."
        )
    known: set[str] = set()
    accounts = []
    folders = part_folders(store)
    for part in folders:
        frozen = part.read_table(ITEMS)["path"].to_pylist()
        accounts.append(_finish(estimator, X, list(map(os.fsdecode, frozen)), part, options))
        known.update(map(os.fsdecode, frozen))
    new = [index for index, name in enumerate(names) if name not in known]
    if new:
        part = JobFolder(store).place(f"{PART}{len(folders):04d}")
        accounts.append(extract(estimator, X[np.array(new)], part, **options))
    return sum_accounts(os.fsdecode(store), accounts)


def _finish(estimator, X, frozen, folder, options):
    """Return the account of a run of a store, which goes on first where it did not end."""
    if not folder.exists(MANIFEST):
        items = X.with_sources(frozen) if hasattr(X, "with_sources") else X[_places_of(frozen, X.names)]
        return extract(estimator, items, folder.path, **options)
    if folder.read_json(JOB)["estimator"] != hash_estimator(estimator):
        raise ValueError(
            f"extend_store: {folder.path!r} was computed with another estimator or setting; choose another store."
        )
    return load_account(folder.path)


def _places_of(wanted, names):
    """Return the places of names among others; of a name that is there more than once, one after the other."""
    places = defaultdict(list)
    for place in reversed(range(len(names))):
        places[names[place]].append(place)
    try:
        return np.array([places[name].pop() for name in wanted])
    except IndexError as error:
        raise ValueError(
            "extend_store: X lacks images that a run of the store has begun with and not ended; give all of them."
        ) from error
