"""What INPUT is, and what is read from it."""

import os

from skimgfeat.cli._arguments import UsageError, first_line

FOLDER, TABLE, ARRAY = "a folder", "a table of paths", "a file of arrays"


def input_kind(args):
    """Return which of the three INPUT is; raise OSError where it is not there."""
    from skimgfeat.io._sources import is_address

    if is_address(args.input) or os.path.isdir(args.input):
        return FOLDER
    # A missing file is an OSError here, rather than after the imports of the reader, which take seconds.
    os.stat(args.input)
    suffix = os.path.splitext(args.input)[1].lower()
    if suffix == ".csv" or (suffix in (".parquet", ".pq") and args.column):
        return TABLE
    return ARRAY


def read_inputs(args, kind, reader):
    """Return the images, an array or a collection, and their labels or None.

    ``reader`` is the ImageReader that ``--features`` begins with, or None.
    """
    if kind == ARRAY:
        if reader is not None:
            raise UsageError(f"--features begins with imagereader, but INPUT is {ARRAY}: leave that step out")
        X = _read_array(args)
    else:
        X = _collect(args, kind, reader)
    if len(X) == 0:
        shape = f": its array has shape {X.shape}" if kind == ARRAY else ""
        raise ValueError(f"{args.input!r} holds no images{shape}")
    y = _read_labels(args, len(X))
    chosen = range(len(X))[slice(args.start, args.stop)][: args.limit]
    if len(chosen) == 0:
        raise UsageError(f"--start, --stop and --limit leave none of the {len(X)} images of {args.input!r}")
    part = slice(chosen.start, chosen.stop)
    return X[part], None if y is None else y[part]


def _read_array(args):
    from skimgfeat.io import read_images

    try:
        return read_images(args.input, key=args.key)
    except ValueError as error:
        if "got string" not in str(error) and "got large_string" not in str(error):
            raise
        raise ValueError(f"{first_line(error)} A column of paths is named with --column.") from error


def _collect(args, kind, reader):
    from skimgfeat.io import ImageCollection

    if reader is None:
        options = {"mode": args.mode or "rgb", "draft": args.draft}
    elif args.mode or args.draft:
        raise UsageError("--features begins with imagereader, which has the parameters mode and draft: give them there")
    elif reader.root is not None:
        raise UsageError("imagereader has no root here: the folder, or the one that --root names, is the root")
    else:
        # What becomes of images that cannot be read is for --on-error to say.
        options = {name: value for name, value in reader.get_params().items() if name not in ("root", "on_error")}
    if kind == FOLDER:
        return ImageCollection.from_folder(args.input, args.pattern, **options)
    column = args.column or "image_path"
    return ImageCollection.from_table(args.input, column, root=args.root, **options)


def _read_labels(args, n_images):
    """Return a label an image, or None."""
    from skimgfeat.io import read_labels

    if not (args.labels or args.labels_key):
        return None
    source = args.labels or args.input
    y = read_labels(source, key=args.labels_key)
    if len(y) != n_images:
        raise ValueError(f"{source!r} holds {len(y)} labels, but {args.input!r} holds {n_images} images")
    return y
