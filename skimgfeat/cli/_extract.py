"""``skimgfeat extract``: a file of images to a file of features."""

import os
import time
from argparse import BooleanOptionalAction, RawDescriptionHelpFormatter
from contextlib import nullcontext
from pathlib import Path

from skimgfeat.cli._arguments import UsageError, first_line, image_sides, jobs, positive_integer, sides

_SUFFIXES = (".npy", ".npz", ".parquet")
# A batch of images and features together, in bytes: enough work for every processor, little beside a machine's memory.
_BATCH_BYTES = 32 << 20

_EPILOG = """\
examples:
  skimgfeat extract train-images-idx3-ubyte.gz train.npz --features hog --labels train-labels-idx1-ubyte.gz
  skimgfeat extract data.npz features.parquet --features handcrafted --key X --labels-key y
  skimgfeat extract rows.npy hog.npy --features hog --image-shape 8x8 --resize 32x32 --pixels-per-cell 4x4

An .npz output holds the arrays X, feature_names and, with labels, y; Parquet a column a feature and, with labels, the
column "label"; .npy the features alone. OUTPUT appears when it is complete; an interrupted run leaves nothing behind.
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "extract",
        help="compute the features of a file of images",
        description="Compute the features of a file of images, a row an image, in the order of the file.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("input", metavar="INPUT", help=".npy, .npz, idx or idx.gz file, or Parquet of encoded images")
    parser.add_argument("output", metavar="OUTPUT", help="file to write: .npy, .npz or .parquet, by its name")
    parser.add_argument("--features", required=True, choices=["handcrafted", "hog"], help="what to compute")
    _add_input_options(parser.add_argument_group("images and labels"))
    _add_feature_options(parser.add_argument_group("features"))
    _add_run_options(parser.add_argument_group("run"))


def _add_input_options(group):
    group.add_argument(
        "--key", help="array of an .npz INPUT, column of a Parquet INPUT; not needed where one array can be images"
    )
    group.add_argument("--labels", metavar="FILE", help="carry these labels into OUTPUT; FILE may be INPUT itself")
    group.add_argument(
        "--labels-key", metavar="KEY", help="array or column of the labels; without --labels, one of INPUT"
    )
    group.add_argument(
        "--image-shape",
        type=image_sides,
        metavar="RxC[xCHANNELS]",
        help="how rows are laid out as images, where INPUT holds rows",
    )
    group.add_argument("--resize", type=sides, metavar="RxC", help="bring the images to this size first")


def _add_feature_options(group):
    """Add the parameters of the estimators, under their names; None leaves an estimator's default."""
    group.add_argument("--orientations", type=positive_integer, metavar="N", help="HOG: number of bins (9)")
    group.add_argument(
        "--pixels-per-cell", type=sides, metavar="RxC", help="HOG: size of a cell (hog: 8x8, handcrafted: 4x4)"
    )
    group.add_argument(
        "--cells-per-block", type=sides, metavar="RxC", help="HOG: size of a block (hog: 3x3, handcrafted: 2x2)"
    )
    group.add_argument(
        "--block-norm", choices=["L1", "L1-sqrt", "L2", "L2-Hys"], help="HOG: how a block is normalized (L2-Hys)"
    )
    group.add_argument(
        "--transform-sqrt",
        action=BooleanOptionalAction,
        help="HOG: take the square root of the pixels first (hog: no, handcrafted: yes)",
    )
    group.add_argument("--signed", action="store_true", default=None, help="hog only: bins over 360 degrees, not 180")
    group.add_argument(
        "--interpolate", action="store_true", default=None, help="hog only: share votes between bins and cells"
    )
    group.add_argument(
        "--families",
        type=lambda text: text if text == "all" else [name.strip() for name in text.split(",")],
        metavar="NAME,NAME",
        help="handcrafted only: the families to compute, such as zoning,hog,lbp (all)",
    )
    group.add_argument(
        "--threshold",
        type=_threshold,
        metavar="T",
        help="handcrafted only: foreground is above T, in [0, 1] for integer images, or otsu (0)",
    )
    group.add_argument(
        "--polarity", choices=["bright", "dark"], help="handcrafted only: which side of T is the foreground (bright)"
    )


def _add_run_options(group):
    group.add_argument("--jobs", type=jobs, default=-1, metavar="N", help="number of threads, -1 for all (-1)")
    group.add_argument("--batch-size", type=positive_integer, metavar="N", help="images at a time (as many as 32 MB)")
    group.add_argument("--overwrite", action="store_true", help="replace OUTPUT where it exists")
    group.add_argument("--quiet", action="store_true", help="no progress and no summary")


def _threshold(text):
    return text if text == "otsu" else float(text)


def run(args):
    """Read, extract and write; everything that can be checked beforehand is."""
    _check_files(args)
    pipeline = _make_pipeline(args)

    from skimgfeat.io import write_features

    images, y = _read(args)
    bytes_per_image = _fit(pipeline, images)
    batch_size = args.batch_size or max(1, _BATCH_BYTES // bytes_per_image)
    names = pipeline[-1].get_feature_names_out()
    start = time.perf_counter()
    with _progress_bar(len(images), args.quiet) as bar:
        rows = _iter_rows(pipeline, images, batch_size, bar)
        write_features(args.output, rows, feature_names=names, n_samples=len(images), y=y)
    seconds = time.perf_counter() - start
    if not args.quiet:
        rate = len(images) / seconds
        print(f"{len(images):,} images, {len(names):,} columns, {seconds:.2f} s, {rate:,.0f} images/s: {args.output}")
    return 0


def _check_files(args):
    """Raise UsageError for an output that cannot or must not be written, OSError for inputs that are not there."""
    output = Path(args.output)
    suffix = output.suffix.lower()
    if suffix not in _SUFFIXES:
        raise UsageError(f"OUTPUT must end in {', '.join(_SUFFIXES)}, got {args.output!r}")
    if suffix == ".npy" and (args.labels or args.labels_key):
        raise UsageError("an .npy file has no place for labels: write .npz or .parquet, or leave the labels out")
    if output.is_dir():
        raise UsageError(f"{args.output!r} is a folder: give the name of a file in it")
    if not output.parent.is_dir():
        raise UsageError(f"the folder of {args.output!r} does not exist: create it first")
    if output.exists() and not args.overwrite:
        raise UsageError(f"{args.output!r} exists: choose another OUTPUT, or replace it with --overwrite")
    for source in filter(None, (args.input, args.labels)):
        # A missing file is an OSError here, rather than after the imports of the reader, which take seconds.
        status = os.stat(source)
        if output.exists() and os.path.samestat(output.stat(), status):
            raise UsageError(f"{args.output!r} is read from: choose another OUTPUT")


def _make_pipeline(args):
    from sklearn.pipeline import make_pipeline

    from skimgfeat import HOG, HandcraftedFeatures, Resize

    extractor = HOG(n_jobs=args.jobs) if args.features == "hog" else HandcraftedFeatures(n_jobs=args.jobs)
    known = extractor.get_params()
    every = {**HOG().get_params(), **HandcraftedFeatures().get_params()}.keys() - {"image_shape", "n_jobs"}
    for name in sorted(every):
        value = getattr(args, name)
        if value is None:
            continue
        if name not in known:
            raise UsageError(f"--{name.replace('_', '-')} does not apply to --features {args.features}")
        extractor.set_params(**{name: value})
    steps = [extractor] if args.resize is None else [Resize(args.resize, n_jobs=args.jobs), extractor]
    steps[0].set_params(image_shape=args.image_shape)
    return make_pipeline(*steps)


def _read(args):
    """Return the images, and the labels or None."""
    from skimgfeat.io import read_images, read_labels

    images = read_images(args.input, key=args.key)
    if len(images) == 0:
        raise ValueError(f"{args.input!r} holds no images: its array has shape {images.shape}")
    if images.ndim == 2 and args.image_shape is None:
        raise UsageError(
            f"{args.input!r} holds rows of {images.shape[1]} values: lay them out as images with --image-shape"
        )
    if not (args.labels or args.labels_key):
        return images, None
    source = args.labels or args.input
    y = read_labels(source, key=args.labels_key)
    if len(y) != len(images):
        raise ValueError(f"{source!r} holds {len(y)} labels, but {args.input!r} holds {len(images)} images")
    return images, y


def _fit(pipeline, images):
    """Fit the steps, which learn the shape of an image only; return the bytes that an image takes on its way.

    Fitted on zeros: what goes wrong here is the options' fault, not that of a pixel.
    """
    import numpy as np

    batch = np.zeros((1, *images.shape[1:]), images.dtype)
    n_bytes = batch.nbytes
    try:
        for step in pipeline:
            batch = step.fit(batch).transform(batch)
            n_bytes += batch.nbytes
    except (TypeError, ValueError) as error:
        raise UsageError(first_line(error)) from error
    return n_bytes


def _progress_bar(total, quiet):
    """Return tqdm's bar, or a context of None without tqdm, where quiet, or where nobody looks at a terminal."""
    try:
        from tqdm import tqdm
    except ImportError:
        return nullcontext()
    return tqdm(total=total, unit=" images", unit_scale=True, leave=False, disable=True if quiet else None)


def _iter_rows(pipeline, images, batch_size, bar):
    """Yield the features batch by batch; an error names the images it comes from."""
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        try:
            rows = pipeline.transform(batch)
        except ValueError as error:
            raise ValueError(f"images {start} to {start + len(batch) - 1}: {first_line(error)}") from error
        yield rows
        if bar is not None:
            bar.update(len(batch))
