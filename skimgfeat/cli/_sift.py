"""``skimgfeat sift``: images to a store of descriptors."""

from argparse import RawDescriptionHelpFormatter

from skimgfeat.cli._arguments import UsageError
from skimgfeat.cli._features import _make_step, _parse_chain, _parse_step
from skimgfeat.cli._inputs import ARRAY, _collect, input_kind
from skimgfeat.cli._to_store import add_store_options, write_store

_EPILOG = """\
STORE holds, for each image, its path, its descriptors, a hash of them, and the error of one that failed. The same
command goes on where an earlier one was interrupted or killed, and adds images that came later.

SPEC is sift, its options, or steps that end in it:
  sift
  'sift(n_features=1800, geometry=True, root=True)'
  'resize((256, 256)) | sift(dense_step=8)'

examples:
  skimgfeat sift photos descriptors
  skimgfeat sift items.csv descriptors --column path --root photos --sift 'sift(rank_by="response")'

exit codes: 0 done, 3 done and some images failed, 1 failed, 2 wrong usage, 130 interrupted
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "sift",
        usage="skimgfeat sift INPUT STORE [options]",
        help="compute the SIFT descriptors of images in a folder or a table",
        description="Compute the SIFT descriptors of images, as many as each image has, into a store.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, draft=None)
    parser.add_argument("input", metavar="INPUT", help="a folder, an address, or a .csv or .parquet table of paths")
    parser.add_argument("store", metavar="STORE", help="a folder, created where missing")
    parser.add_argument("--sift", default="sift", metavar="SPEC", help="the descriptors: see below (sift)")
    group = parser.add_argument_group("which images")
    group.add_argument("--pattern", help="folder: which files, such as '*.png' or 'train/*' (all images)")
    group.add_argument("--column", metavar="NAME", help="table: column of paths (image_path)")
    group.add_argument(
        "--root", metavar="DIR", help="table: folder that the paths are relative to and inside of (that of INPUT)"
    )
    group.add_argument(
        "--mode",
        choices=["gray", "rgb"],
        default="gray",
        help="what every image becomes first; SIFT makes gray of colors in any case (gray)",
    )
    add_store_options(parser)


def run(args):
    """Compute what is not in the store yet."""
    kind = input_kind(args)
    if kind == ARRAY:
        raise UsageError(
            f"INPUT must be a folder or a table of paths, which a store knows images by; {args.input!r} is {kind}"
        )
    estimator = _read_spec(args.sift)
    X = _collect(args, kind, None)
    if len(X) == 0:
        raise ValueError(f"{args.input!r} holds no images")
    return write_store(args, estimator, X, args.store)


def _read_spec(spec):
    """Return what --sift asks for: SIFT, or a pipeline that ends in it."""
    try:
        steps = [_make_step(*_parse_step(node)) for node in _parse_chain(spec)]
    except UsageError as error:
        raise UsageError(str(error).replace("--features", "--sift", 1)) from error

    from sklearn.pipeline import make_pipeline

    from skimgfeat import SIFT

    if not isinstance(steps[-1], SIFT):
        raise UsageError(f"--sift must be sift, or steps that end in it, got {spec!r}")
    return steps[0] if len(steps) == 1 else make_pipeline(*steps)
