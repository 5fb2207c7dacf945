"""``skimgfeat crop``: boxes in photos to a labelled data set."""

import os
from argparse import RawDescriptionHelpFormatter
from functools import partial
from pathlib import Path

from skimgfeat.cli._arguments import UsageError, first_line, jobs, positive_integer, seconds, share, sides
from skimgfeat.cli._job import exit_code, run_job
from skimgfeat.cli._show import show

_OPEN_IMAGES, _VOC, _COCO, _TABLE = "metadata of Open Images", "a folder of VOC", "a file of COCO", "a table"
_OPTIONS = (
    "size",
    "method",
    "gray",
    "unknown_flags",
    "placeholders",
    "chunk_size",
    "max_error_rate",
    "item_timeout",
    "compression",
)

_EPILOG = """\
BOXES is one of
  a folder of the CSV files of Open Images    class-descriptions-boxable.csv, train-annotations-bbox.csv and so on
  a folder of XML files                       of PASCAL VOC
  a .json file                                of COCO's instances
  a .csv or .parquet table                    with path, label, x_min, y_min, x_max, y_max; box_id, group, rotation
                                              and flags

OUTPUT is a job folder: Parquet files of crops, labels, groups and flags, and errors.csv, which lists every box that was
left out, and why. The same command goes on where an earlier one was interrupted or killed.

examples:
  skimgfeat crop metadata photos dataset --class Sandwich --class 'Hot dog' --size 128x128
  skimgfeat crop boxes.csv photos dataset --units pixel --square --export crops --export pixels.csv

exit codes: 0 done, 3 done and some boxes were left out, 1 failed, 2 wrong usage, 130 interrupted
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "crop",
        usage="skimgfeat crop BOXES IMAGES OUTPUT [options]",
        help="cut labelled boxes out of photos",
        description="Cut labelled boxes out of photos, bring them to one size, and write a data set for classifiers.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("boxes", metavar="BOXES", help="where boxes and labels are: see below")
    parser.add_argument("images", metavar="IMAGES", help="the folder or address of the photos")
    parser.add_argument("output", metavar="OUTPUT", help="the folder of the data set")
    _add_box_options(parser.add_argument_group("which boxes"))
    _add_crop_options(parser.add_argument_group("how they are cut out"))
    _add_output_options(parser.add_argument_group("output"))
    _add_run_options(parser.add_argument_group("run"))


def _add_box_options(group):
    group.add_argument(
        "--class", dest="classes", action="append", metavar="NAME", help="only this class; may be repeated (all)"
    )
    group.add_argument("--subset", choices=["train", "validation", "test"], help="Open Images: which boxes (train)")
    group.add_argument(
        "--paths", choices=["url", "id"], help="Open Images: photos are named by their address, or <ImageID>.jpg (url)"
    )
    group.add_argument("--gray", choices=["convert", "drop"], help="photos without color (convert)")
    group.add_argument(
        "--unknown-flags",
        choices=["drop", "keep"],
        help="boxes of which it is not known whether they are occluded ... (drop)",
    )
    group.add_argument(
        "--placeholders", choices=["drop", "keep"], help="photos that are the same file as two others or more (drop)"
    )


def _add_crop_options(group):
    group.add_argument("--size", type=sides, metavar="RxC", help="what crops are brought to (128x128)")
    group.add_argument("--method", choices=["exact", "fast", "auto"], help="how they are resized (exact)")
    group.add_argument("--keep-aspect", action="store_true", help="pad crops rather than stretch them")
    group.add_argument("--units", choices=["normalized", "pixel"], help="what corners are given in (normalized)")
    group.add_argument(
        "--context", type=float, metavar="SHARE", help="go beyond the box by this part of it at each side (0)"
    )
    group.add_argument("--square", action="store_true", help="make the shorter side as long as the other")
    group.add_argument(
        "--orientation",
        choices=["exif", "ignore"],
        help="what boxes refer to: photos as they are seen, or as stored (exif; ignore where rotations are known)",
    )
    group.add_argument(
        "--rotation",
        metavar="COLUMN",
        help="turn crops by these degrees, counterclockwise (rotation, where --orientation is not given)",
    )


def _add_output_options(group):
    group.add_argument(
        "--export",
        action="append",
        default=[],
        metavar="PATH",
        help="besides, write a table of pixels (.csv, .parquet), or a folder of image files a class; may be repeated",
    )
    group.add_argument("--npy", action="store_true", help="write OUTPUT/images.npy, too, to be mapped into memory")
    group.add_argument("--compression", choices=["none", "zstd"], help="of the Parquet files (none)")


def _add_run_options(group):
    group.add_argument("--chunk-size", type=positive_integer, metavar="N", help="boxes of a chunk (8 to 1024)")
    group.add_argument(
        "--max-error-rate",
        type=share,
        metavar="SHARE",
        help="end the run when more than this share of boxes is left out",
    )
    group.add_argument(
        "--item-timeout", type=seconds, metavar="SECONDS", help="what a box may take before it counts as failed (60)"
    )
    group.add_argument("--no-resume", action="store_true", help="a data set that stands in OUTPUT is an error")
    group.add_argument("--jobs", type=jobs, default=-1, metavar="N", help="number of processes; -1: all (-1)")
    group.add_argument("--quiet", action="store_true", help="no progress and no account")
    group.add_argument("--json", action="store_true", help="print the account as one JSON object, and nothing else")


def run(args):
    """Read the boxes, cut them out, and write what else is asked for; all that can be checked before is."""
    kind = _kind_of(args.boxes)
    for name in ("subset", "paths"):
        if getattr(args, name) is not None and kind != _OPEN_IMAGES:
            raise UsageError(f"--{name} does not apply where BOXES is {kind}")
    _check_outputs(args)

    from skimgfeat.datasets import build_box_dataset, export_box_dataset, load_box_dataset

    classes = None if kind == _OPEN_IMAGES else args.classes  # its boxes are selected when they are read
    options = {"crop": _choose_crop(args, kind), "classes": classes, "keep_aspect": args.keep_aspect}
    options["resume"] = not args.no_resume
    job = partial(build_box_dataset, _read_boxes(args, kind), args.images, args.output, **options)
    account = run_job(args, _OPTIONS, job)
    if account.error and not (args.quiet or args.json):
        show(f"errors.csv in {args.output} lists the boxes that were left out")
    if args.npy:
        load_box_dataset(args.output)
    for path in args.export:
        export_box_dataset(args.output, path)
    return exit_code(account)


def _check_outputs(args):
    """Raise UsageError for what could not be written when all boxes are cut out."""
    from skimgfeat.io._sources import is_address

    if args.npy and is_address(args.output):
        raise UsageError(f"--npy writes to a disk, and {args.output!r} is an address")
    taken = {os.path.abspath(args.output)}
    for path in args.export:
        if os.path.lexists(path):
            raise UsageError(f"{path!r} exists: choose another name for --export")
        if os.path.abspath(path) in taken:
            raise UsageError(f"{path!r} is written already: choose another name for --export")
        if not Path(path).absolute().parent.is_dir():
            raise UsageError(f"the folder of {path!r} does not exist: create it first")
        taken.add(os.path.abspath(path))


def _kind_of(path):
    """Return what BOXES is; raise OSError where it is not there, UsageError for what is none of it."""
    os.stat(path)
    if os.path.isdir(path):
        return _VOC if any(Path(path).glob("*.xml")) else _OPEN_IMAGES
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".json":
        return _COCO
    if suffix in (".csv", ".parquet", ".pq"):
        return _TABLE
    raise UsageError(f"BOXES is a folder, or a file that ends in .csv, .parquet or .json, got {path!r}")


def _choose_crop(args, kind):
    """Return how boxes are cut out, as far as it is said; those of Open Images refer to photos as they are stored."""
    given = {name: getattr(args, name) for name in ("units", "context", "orientation", "rotation")}
    options = {name: value for name, value in given.items() if value is not None} | {"square": args.square}
    return {"orientation": "ignore", "rotation": "rotation"} | options if kind == _OPEN_IMAGES else options


def _read_boxes(args, kind):
    """Return the table of boxes, or the path of one."""
    from skimgfeat.datasets import OpenImages, load_coco_boxes, load_voc_boxes

    if kind == _TABLE:
        return args.boxes
    if kind == _COCO:
        return load_coco_boxes(args.boxes, to="arrow")
    if kind == _VOC:
        return load_voc_boxes(args.boxes, to="arrow")
    metadata = OpenImages(args.boxes, args.subset or "train", paths=args.paths or "url")
    try:
        return metadata.boxes(args.classes, to="arrow")
    except ValueError as error:
        if args.classes:
            raise UsageError(f"--class: {first_line(error)}") from error
        raise
