"""``skimgfeat extract``: images to features."""

import os
from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from skimgfeat.cli._arguments import (
    UsageError,
    first_line,
    image_sides,
    index,
    jobs,
    positive_integer,
    seconds,
    share,
    sides,
)
from skimgfeat.cli._features import read_features
from skimgfeat.cli._inputs import ARRAY, FOLDER, TABLE, input_kind, read_inputs
from skimgfeat.cli._to_file import extract_to_file, model_info_path
from skimgfeat.cli._to_folder import extract_to_folder

_SUFFIXES = (".npy", ".npz", ".parquet")
_FILE, _JOB = "a file", "a job folder"
# The options that only some inputs, only some outputs know.
_OF_INPUT = {
    FOLDER: ("pattern", "mode", "draft"),
    TABLE: ("column", "root", "mode", "draft"),
    ARRAY: ("key", "image_shape"),
}
_OF_OUTPUT = {
    _FILE: ("batch_size", "overwrite"),
    _JOB: ("chunk_size", "on_error", "max_error_rate", "item_timeout", "no_resume", "layout", "prefix", "csv"),
}

# Those of cnn.
_NETWORK = ("model", "weights", "layer", "pooling", "precision", "backend")

_EPILOG = """\
INPUT is one of
  a folder, or an address such as s3://bucket/photos   the images in it, and in the folders in it
  a .csv or .parquet table                             the images whose paths stand in --column
  a .npy, .npz, idx or idx.gz file, or .parquet        an array of images or rows; Parquet: encoded images

OUTPUT is, by its name,
  a .npz, .npy or .parquet file    for arrays: X, feature_names and y; the features alone; a column a feature.
                                   It appears when it is complete; an interrupted run leaves nothing behind.
                                   Beside features of cnn, OUTPUT.model_info.json tells which network made them.
  a job folder                     for all: files of Parquet, with the error of each image that failed. The same command
                                   goes on where an earlier one was interrupted or killed.

SPEC is one of
  handcrafted, hog, lbp, zoning, ...            an extractor of skimgfeat
  'hog(orientations=8, signed=True)'            with parameters
  cnn, 'cnn(model="resnet18", weights="r.pth")' what a network sees: layer, pooling, precision, backend, ... too
  'resize((64, 64), keep_aspect=True) | hog'    after other steps; scikit-learn's by their full name
  pipeline.json, pipeline.toml                  such steps: {"steps": [{"estimator": "HOG", "orientations": 8}]}
  pipeline.joblib, pipeline.pkl                 a saved estimator, with --trust-pickle

examples:
  skimgfeat extract photos features --features hog --size 128x128
  skimgfeat extract items.csv features --column path --root photos --features handcrafted --size 64x64 --csv
  skimgfeat extract photos features --features cnn --weights mobilenet.pth --backend openvino
  skimgfeat extract train-images-idx3-ubyte.gz train.npz --features hog --labels train-labels-idx1-ubyte.gz
  skimgfeat extract rows.npy hog.npy --features 'hog(pixels_per_cell=(4, 4))' --image-shape 8x8 --size 32x32

exit codes: 0 done, 3 done and some images failed, 1 failed, 2 wrong usage, 130 interrupted
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "extract",
        usage="skimgfeat extract INPUT OUTPUT --features SPEC [options]",
        help="compute the features of images in a folder, a table or a file",
        description="Compute the features of images: a row an image, in the order of their paths or of the file.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("input", metavar="INPUT", help="a folder, table, array or address: see below")
    parser.add_argument("output", metavar="OUTPUT", help="a file or a job folder: see below")
    parser.add_argument("--features", required=True, metavar="SPEC", help="what to compute: see below")
    parser.add_argument("--trust-pickle", action="store_true", help="read a saved estimator, which runs the code in it")
    _add_choice_options(parser.add_argument_group("which images"))
    _add_image_options(parser.add_argument_group("how they are read"))
    _add_network_options(parser.add_argument_group("--features with cnn: its parameters"))
    _add_job_options(parser.add_argument_group("OUTPUT a job folder"))
    _add_file_options(parser.add_argument_group("OUTPUT a file"))
    _add_run_options(parser.add_argument_group("run"))


def _add_choice_options(group):
    group.add_argument("--pattern", help="folder: which files, such as '*.png' or 'train/*' (all images)")
    group.add_argument("--column", metavar="NAME", help="table: column of paths, or of encoded images (image_path)")
    group.add_argument(
        "--root", metavar="DIR", help="table: folder that the paths are relative to and inside of (that of INPUT)"
    )
    group.add_argument("--key", help="array: which one of an .npz file, which column of a .parquet file")
    group.add_argument("--start", type=index, metavar="N", help="the first image, from 0")
    group.add_argument("--stop", type=index, metavar="N", help="the image before which to stop")
    group.add_argument("--limit", type=positive_integer, metavar="N", help="no more than so many images")
    group.add_argument("--labels", metavar="FILE", help="carry these labels into OUTPUT; FILE may be INPUT itself")
    group.add_argument(
        "--labels-key", metavar="KEY", help="array or column of the labels; without --labels, one of INPUT"
    )


def _add_image_options(group):
    group.add_argument("--mode", choices=["rgb", "gray"], help="files: what every image becomes (rgb)")
    group.add_argument(
        "--draft", type=sides, metavar="RxC", help="files: decode JPEG quicker, not below twice this size"
    )
    group.add_argument(
        "--image-shape",
        type=image_sides,
        metavar="RxC[xCHANNELS]",
        help="array: how rows are laid out as images, where INPUT holds rows",
    )
    group.add_argument("--size", type=sides, metavar="RxC", help="bring the images to this size first")


def _add_network_options(group):
    group.add_argument(
        "--model", metavar="NAME", help="a model of torchvision, or timm/ and one of timm (mobilenet_v2)"
    )
    group.add_argument(
        "--weights", metavar="NAME", help="published ones by name, a .pth or .safetensors file, or none (DEFAULT)"
    )
    group.add_argument("--layer", metavar="NODE[,NODE...]", help="what gives the features (what feeds the classifier)")
    group.add_argument(
        "--pooling", choices=["avg", "max", "gem", "flatten", "none"], help="how maps become features (avg)"
    )
    group.add_argument("--precision", choices=["float32", "bfloat16", "float16"], help="what is computed in (float32)")
    group.add_argument(
        "--backend", choices=["auto", "torch", "openvino", "onnxruntime"], help="what computes (auto: the quickest)"
    )


def _add_job_options(group):
    group.add_argument("--chunk-size", type=positive_integer, metavar="N", help="images of a chunk (8 to 1024)")
    group.add_argument(
        "--on-error",
        choices=["record", "raise", "skip"],
        help="an image that fails: a row of NaN and the reason, the end of the run, or no row (record)",
    )
    group.add_argument(
        "--max-error-rate", type=share, metavar="SHARE", help="end the run when more than this share of images failed"
    )
    group.add_argument(
        "--item-timeout", type=seconds, metavar="SECONDS", help="what an image may take before it counts as failed (60)"
    )
    group.add_argument(
        "--no-resume", action="store_true", help="do not go on with a job that stands in OUTPUT: it is an error"
    )
    group.add_argument(
        "--layout", choices=["list", "wide"], help="features in one column of lists, or in a column each (list)"
    )
    group.add_argument(
        "--prefix", metavar="TEXT", help="--layout wide: call the columns this and a number, such as img_feature_"
    )
    group.add_argument("--csv", action="store_true", help="write OUTPUT/features.csv, too")


def _add_file_options(group):
    group.add_argument("--batch-size", type=positive_integer, metavar="N", help="images at a time (as many as 32 MB)")
    group.add_argument("--overwrite", action="store_true", help="replace OUTPUT where it exists")


def _add_run_options(group):
    group.add_argument(
        "--jobs", type=jobs, default=-1, metavar="N", help="number of processes, or of threads for a file; -1: all (-1)"
    )
    group.add_argument("--quiet", action="store_true", help="no progress and no account")
    group.add_argument("--json", action="store_true", help="print the account as one JSON object, and nothing else")


def run(args):
    """Read, extract and write; everything that can be checked beforehand is."""
    output = _output_kind(args)
    kind = input_kind(args)
    _check_sources(args, kind, output)
    steps = read_features(args.features, trust_pickle=args.trust_pickle)

    from skimgfeat import ImageReader

    _set_network(args, steps)
    reader = steps.pop(0) if isinstance(steps[0], ImageReader) else None
    pipeline = _make_pipeline(args, steps)
    X, y = read_inputs(args, kind, reader)
    if kind == ARRAY and X.ndim == 2 and pipeline[0].get_params().get("image_shape", ()) is None:
        raise UsageError(f"{args.input!r} holds rows of {X.shape[1]} values: lay them out as images with --image-shape")
    extract = extract_to_file if output == _FILE else extract_to_folder
    return extract(args, pipeline, X, y)


def _output_kind(args):
    """Return which of the two OUTPUT is, by its name; raise UsageError where it cannot or must not be written."""
    output = Path(args.output)
    suffix = output.suffix.lower()
    if suffix == ".csv":
        raise UsageError(f"OUTPUT is a folder, or a file that ends in {', '.join(_SUFFIXES)}, got {args.output!r}")
    if suffix not in _SUFFIXES:
        if output.exists() and not output.is_dir():
            raise UsageError(f"{args.output!r} is a file: give a folder, or a name that ends in {', '.join(_SUFFIXES)}")
        if args.prefix is not None and args.layout != "wide":
            raise UsageError("--prefix names the columns of --layout wide")
        return _JOB
    if suffix == ".npy" and (args.labels or args.labels_key):
        raise UsageError("an .npy file has no place for labels: write .npz or .parquet, or leave the labels out")
    if "://" in args.output:
        raise UsageError(f"{args.output!r} is an address, and files are written to disks only: give a folder there")
    if output.is_dir():
        raise UsageError(f"{args.output!r} is a folder: give the name of a file in it")
    if not output.parent.is_dir():
        raise UsageError(f"the folder of {args.output!r} does not exist: create it first")
    for path in (args.output, model_info_path(args.output)):
        if os.path.exists(path) and not args.overwrite:
            raise UsageError(f"{path!r} exists: choose another OUTPUT, or replace it with --overwrite")
    return _FILE


def _check_sources(args, kind, output):
    """Raise UsageError for options that do not suit this INPUT or OUTPUT, OSError for labels that are not there."""
    if kind == FOLDER and args.labels_key and not args.labels:
        raise UsageError(f"--labels-key names a part of a file, and INPUT is {FOLDER}: give the file with --labels")
    if output == _FILE and kind != ARRAY:
        raise UsageError(f"OUTPUT must be a folder where INPUT is {kind}: {args.output!r} is the name of a file")
    for options, what, chosen in ((_OF_INPUT, "INPUT", kind), (_OF_OUTPUT, "OUTPUT", output)):
        for name in {name for names in options.values() for name in names} - set(options[chosen]):
            if getattr(args, name) not in (None, False):
                raise UsageError(f"--{name.replace('_', '-')} does not apply where {what} is {chosen}")
    if args.labels:
        # Asked now, rather than after everything is read.
        os.stat(args.labels)
    if output == _FILE and os.path.exists(args.output):
        for source in filter(None, (args.input, args.labels)):
            if os.path.samefile(args.output, source):
                raise UsageError(f"{args.output!r} is read from: choose another OUTPUT")


def _set_network(args, steps):
    """Give the cnn among the steps the parameters that options name; UsageError where it has them, or is not there."""
    given = {name: getattr(args, name) for name in _NETWORK if getattr(args, name) is not None}
    if not given:
        return

    from skimgfeat import CNNEmbedding

    networks = [step for step in steps if isinstance(step, CNNEmbedding)]
    if len(networks) != 1:
        raise UsageError(f"--{next(iter(given))} is a parameter of cnn: --features must have that step, once")
    defaults = CNNEmbedding().get_params()
    for name in given:
        if networks[0].get_params()[name] != defaults[name]:
            raise UsageError(f"--{name} and --features {args.features!r} both tell {name}: leave one of them out")
    if hasattr(networks[0], "layers_"):
        raise UsageError(
            f"--{next(iter(given))} is a parameter of cnn, and that of {args.features!r} is fitted already"
        )
    if given.get("weights", "").lower() == "none":
        given["weights"] = None
    if "," in given.get("layer", ""):
        given["layer"] = given["layer"].split(",")
    networks[0].set_params(**given)


def _make_pipeline(args, steps):
    """Return the steps as a pipeline, with what --size and --image-shape add."""
    from sklearn.pipeline import make_pipeline

    from skimgfeat import ImageReader, Resize

    if not steps:
        raise UsageError("--features reads images and computes nothing: add a step such as hog")
    if any(isinstance(step, ImageReader) for step in steps):
        raise UsageError("--features: imagereader reads the files, so it comes first, once")
    if args.size is not None:
        steps = [Resize(args.size), *steps]
    if args.image_shape is not None:
        try:
            steps[0].set_params(image_shape=args.image_shape)
        except ValueError as error:
            raise UsageError(f"--image-shape: {first_line(error)}") from error
    return make_pipeline(*steps)
