"""``skimgfeat codec fit``: a codec from a store, and more of the store into a codec."""

import hashlib
import math
import os
import posixpath
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from skimgfeat import __version__
from skimgfeat.cli._arguments import UsageError, first_line
from skimgfeat.cli._show import show, show_json

_PARAMETERS = (
    "n_components",
    "max_descriptors",
    "select_by",
    "quantile_range",
    "margin",
    "n_bits",
    "samples_per_image",
    "batch_size",
    "random_state",
)
_EXCLUDE = re.compile(r"(?P<table>.+\.csv):(?P<column>[^=]+)=(?P<value>.*)", re.IGNORECASE | re.DOTALL)
_NAME_COLUMN = "image_path"


def fit(args):
    """Learn a codec, or what of the store is new to it; say from how many images."""
    from skimgfeat import DescriptorStore

    _check_model(args)
    if args.update and not os.path.exists(args.model):
        raise UsageError(f"there is no codec {args.model!r} to update: fit one without --update")
    parameters = {name: getattr(args, name) for name in _PARAMETERS if getattr(args, name) is not None}
    excluded = [_parse_exclude(text) for text in args.exclude]
    store = DescriptorStore(args.store)
    subset, n_unknown = _subset(args, store, excluded)
    learned = subset & _succeeded(store)
    chunks = _describe_chunks(store, subset, learned)
    exists = os.path.exists(args.model) and not args.overwrite
    make = _go_on if exists else _begin
    n_new = make(args, store, learned, chunks, parameters)
    _report(args, subset, learned, chunks, n_new, n_unknown)
    return 0


def _check_model(args):
    """Raise UsageError where no file can stand at MODEL."""
    if os.path.isdir(args.model):
        raise UsageError(f"MODEL is a file, and {args.model!r} is a folder: give the name of a file in it")
    if not _folder_of(args.model).is_dir():
        raise UsageError(f"the folder of {args.model!r} does not exist: create it first")


def _folder_of(model):
    return Path(os.path.realpath(model)).parent


def _check_writable(args):
    """Raise OSError where MODEL cannot be written: a fit takes hours, and is written at its end."""
    import tempfile

    with tempfile.TemporaryFile(dir=_folder_of(args.model)):
        pass


def columns_of(store):
    """Return the shape of a descriptor in a store: ``(128,)`` for SIFT."""
    return store.dtype["descriptor"].shape if store.dtype.names else store.tail


def _parse_exclude(text):
    match = _EXCLUDE.fullmatch(text)
    if match is None:
        raise UsageError(f"--exclude must be CSV:COLUMN=VALUE, such as items.csv:split=test, got {text!r}")
    return match["table"], match["column"], match["value"]


def _subset(args, store, excluded):
    """Return which images are learned from, and how many rows that exclude some are of no image in the store."""
    import numpy as np

    from skimgfeat.io._tables import read_path_column

    names = [_normalize(name) for name in store.names]
    known = set(filter(None, names))
    left_out: set[str] = set()
    n_unknown = 0
    for (table, column, value), text in zip(excluded, args.exclude, strict=True):
        try:
            rows = zip(read_path_column(table, _NAME_COLUMN), read_path_column(table, column), strict=True)
        except ValueError as error:
            what = first_line(error).removeprefix("read_path_column: ")
            raise UsageError(f"--exclude {text}: {what}") from error
        found = [_normalize(name) for name, cell in rows if (cell or "") == value]
        if known.isdisjoint(found):
            raise UsageError(
                f"--exclude {text}: {len(found)} rows have that value, and none is of an image in the store"
            )
        n_unknown += sum(name not in known for name in found)
        left_out |= known.intersection(found)
    return np.array([name not in left_out for name in names], dtype=bool), n_unknown


def _normalize(name):
    """Return a path as a store spells it, without ``./`` and the like; None where it is missing."""
    from skimgfeat.jobs._items import escape

    return posixpath.normpath(escape(name)) if name else None


def _succeeded(store):
    """Return which images have not failed."""
    import numpy as np

    from skimgfeat.jobs._account import ERROR

    return np.array([status != ERROR for status in store.status], dtype=bool)


def _describe_chunks(store, subset, learned):
    """Return what a codec remembers of each chunk, by the hash of the chunk, and the images and part of each.

    What is compared later is the choice of images: those that failed are in it, and have nothing to learn from.
    """
    return {
        sha256: (
            {
                "images": len(indices),
                "included": int(subset[indices].sum()),
                "learned": int(learned[indices].sum()),
                "subset": hashlib.sha256(subset[indices].tobytes()).hexdigest(),
            },
            indices,
            part,
        )
        for part, sha256, indices in store.chunks()
    }


def _begin(args, store, learned, chunks, parameters):
    """Fit a codec on the whole store; return from how many images."""
    from skimgfeat import DescriptorCodec
    from skimgfeat.descriptors._checkpoint import Checkpoint
    from skimgfeat.descriptors._codec_file import write_codec

    codec = DescriptorCodec(**({"random_state": 0} | parameters))
    notes = {"chunks": {sha256: chunk for sha256, (chunk, *_) in chunks.items()}}
    try:
        state = codec._begin(math.prod(columns_of(store)))
    except (TypeError, ValueError) as error:
        raise UsageError(first_line(error)) from error
    _check_writable(args)
    checkpoint = Checkpoint(f"{args.model}.part", [__version__, codec.get_params(), notes])
    state = _load(args, checkpoint, codec) or state
    n_done = state.n_read + (len(store) if state.histogram is not None else 0)
    with _Progress(store, 2 * len(store), args.quiet, n_done) as shown:
        codec._fit(shown, learned, state, checkpoint.save)
    write_codec(args.model, codec, notes=notes)
    checkpoint.remove()
    return codec.n_images_seen_


def _load(args, checkpoint, codec):
    """Return the state that an interrupted fit has left, None where there is none to go on from."""
    try:
        state = checkpoint.load(codec)
    except FileNotFoundError:
        return None
    if state is None and not args.overwrite:
        raise UsageError(
            f"{checkpoint.path!r} is left of a fit with other options, of another store, or by another version: give "
            "the same again, or fit anew with --overwrite"
        )
    return state


def _go_on(args, store, learned, chunks, parameters):
    """Add the chunks that the codec has not seen, a part of the store at a time; return from how many images."""
    from skimgfeat import DescriptorCodec
    from skimgfeat.descriptors._codec_file import read_codec, write_codec

    codec, notes = read_codec(args.model, DescriptorCodec)
    known = (notes or {}).get("chunks")
    if known is None:
        raise UsageError(f"{args.model!r} does not tell what it has learned from: fit another with --overwrite")
    _check_same(args, codec, known, chunks, parameters)
    new = {sha256: chunk for sha256, chunk in chunks.items() if sha256 not in known}
    if not new:
        return 0
    if not args.update:
        raise UsageError(
            f"{args.model!r} exists, and {args.store!r} holds {len(new)} chunks that it has not learned from: add them "
            "with --update, or fit anew with --overwrite"
        )
    if not hasattr(codec, "partial_fit"):
        raise UsageError("with --select-by norm, ranges need two passes over all images: fit anew with --overwrite")
    _check_writable(args)
    n_before = codec.n_images_seen_
    for number in sorted({part for _, _, part in new.values()}):
        part = {sha256: chunk for sha256, chunk in new.items() if chunk[2] == number}
        _add(args, codec, store, learned, part)
        known.update((sha256, chunk) for sha256, (chunk, *_) in part.items())
        write_codec(args.model, codec, notes=notes)
    return codec.n_images_seen_ - n_before


def _add(args, codec, store, learned, chunks):
    """Let the codec learn from some chunks."""
    import numpy as np

    indices = np.concatenate([indices for _, indices, _ in chunks.values()])
    if learned[indices].any():
        with _Progress(store[indices], len(indices), args.quiet) as shown:
            codec.partial_fit(shown, subset=learned[indices])


def _check_same(args, codec, known, chunks, parameters):
    """Raise UsageError where the codec was fitted in another way, or on another choice of the same images."""
    fitted = codec.get_params()
    for name, value in parameters.items():
        if fitted[name] != value:
            raise UsageError(
                f"{args.model!r} was fitted with {name}={fitted[name]!r}, not {value!r}: leave the option out, or fit "
                "anew with --overwrite"
            )
    for sha256, (chunk, *_) in chunks.items():
        if sha256 in known and known[sha256]["subset"] != chunk["subset"]:
            raise UsageError(
                f"{args.model!r} has learned from images that --exclude leaves out now, or the other way round: give "
                "the same --exclude, or fit anew with --overwrite"
            )


def _report(args, subset, learned, chunks, n_new, n_unknown):
    """Show how many images were learned from, and how many were not."""
    content = {
        "model": args.model,
        "images": len(subset),
        "included": int(subset.sum()),
        "excluded": int((~subset).sum()),
        "failed": int((subset & ~learned).sum()),
        "chunks": len(chunks),
        "new_images": n_new,
        "unknown_rows": n_unknown,
    }
    if args.json:
        show_json(content)
    elif not args.quiet:
        show("{images} images = {included} included + {excluded} excluded".format_map(content))
        if content["failed"]:
            show("of those included, {failed} failed and have no descriptors".format_map(content))
        if n_unknown:
            show(f"rows of --exclude that are of no image in the store: {n_unknown}")
        show(f"{f'learned from {n_new} images now' if n_new else 'nothing was left to do'}: {args.model}")


class _Progress(Sequence):
    """A store that shows how much of it was read."""

    def __init__(self, store, n_reads, quiet, n_done=0):
        self._store = store
        self._bar = None if quiet else _make_bar(n_reads, n_done)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._bar is not None:
            self._bar.close()

    def __len__(self):
        return len(self._store)

    def __getitem__(self, key):
        arrays = self._store[key]
        if self._bar is not None:
            self._bar.update(len(arrays))
        return arrays


def _make_bar(total, initial):
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(
        total=total, initial=initial, unit=" images", unit_scale=True, leave=False, disable=None, file=sys.stderr
    )
