"""Descriptors of new images join a store, in a run of their own."""

import os
from collections import defaultdict

import joblib
import numpy as np

from skimgfeat.jobs._account import sum_accounts
from skimgfeat.jobs._extract import check_same, extract
from skimgfeat.jobs._folder import ITEMS, JOB, MANIFEST, JobFolder, part_name
from skimgfeat.jobs._items import Items, as_items
from skimgfeat.jobs._layouts import descr_to_dtype
from skimgfeat.jobs._prepare import hash_estimator
from skimgfeat.jobs._readers import account_of


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
        For an X without paths, another estimator than that of the runs before, images from elsewhere by names that
        are in the store already, and a store as X that has changed. See also :func:`skimgfeat.extract`.

    Notes
    -----
    An image is known by its path, relative to the folder: a file that is replaced is not computed anew.

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
    folder = JobFolder(store)
    parts = folder.parts()
    for part in parts:
        frozen = part.read_table(ITEMS)["path"].to_pylist()
        accounts.append(_finish(estimator, X, list(map(os.fsdecode, frozen)), part, options))
        known.update(map(os.fsdecode, frozen))
    new = [index for index, name in enumerate(names) if name not in known]
    if new:
        place = folder.place(part_name(len(parts)))
        example = _example(parts[0].read_json(JOB)) if parts else None
        accounts.append(extract(estimator, Items(X[np.array(new)], example=example), place, **options))
    return sum_accounts(os.fsdecode(store), accounts)


def _example(job):
    """Return what the estimator gave a list of one image without descriptors, from what a run says of them."""
    return [np.empty((0, *job["features"]["tail"]), descr_to_dtype(job["features"]["descr"]))]


def _finish(estimator, X, frozen, folder, options):
    """Return the account of a run of a store, which goes on first where it did not end or lost a chunk."""
    account, stored = account_of(folder), folder.read_json(JOB)
    if not (account.complete and folder.exists(MANIFEST)):
        items = X.with_sources(frozen) if hasattr(X, "with_sources") else X[_places_of(frozen, X.names, folder.path)]
        return extract(estimator, Items(items, example=_example(stored)), folder.path, **options)
    if stored["estimator"] != hash_estimator(estimator):
        raise ValueError(
            f"extend_store: {folder.path!r} was computed with another estimator or setting; choose another store."
        )
    _check_input(X, frozen, folder, stored["input"])
    return account


def _check_input(X, frozen, folder, stored):
    """Raise ValueError where X has other images, or descriptors, by the names of those that a run has computed."""
    now = Items(X).describe()
    shared = set(frozen).intersection(X.names)
    if now["kind"] == stored["kind"] == "descriptors":
        places = _places_of(frozen, X.names, folder.path) if shared else ()
        if shared and joblib.hash(X[places].hashes) != stored["hashes"]:
            raise ValueError(
                f"extend_store: {folder.path!r} was computed from other descriptors of these images: X has changed "
                "since; choose another store."
            )
        return
    # Whether a folder was listed or files were given makes no difference.
    settings = ({"input": {name: told.get(name) for name in ("decoding", "steps")}} for told in (stored, now))
    check_same("extend_store", folder, *settings)
    if shared and stored.get("root") != now.get("root"):
        raise ValueError(
            f"extend_store: {len(shared)} images, such as {min(shared)!r}, are in {folder.path!r} already, from "
            f"{stored.get('root')!r}, and X has images by these names in {now.get('root')!r}; choose another store, or "
            "give a folder that both are in."
        )


def _places_of(wanted, names, path):
    """Return the places of names among others; of a name that is there more than once, one after the other."""
    places = defaultdict(list)
    for place in reversed(range(len(names))):
        places[names[place]].append(place)
    missing = [name for name in wanted if name not in places]
    if missing:
        raise ValueError(
            f"extend_store: X lacks {len(missing)} images that {path!r} was begun with, such as {missing[0]!r}; give "
            "all of them, or none."
        )
    return np.array([places[name].pop() if len(places[name]) > 1 else places[name][0] for name in wanted])
