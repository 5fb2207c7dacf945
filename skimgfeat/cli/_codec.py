"""``skimgfeat codec``: descriptors to a fifth of their bytes, and back."""

import argparse
import os
from argparse import RawDescriptionHelpFormatter

from skimgfeat.cli._arguments import UsageError, positive_integer
from skimgfeat.cli._codec_fit import columns_of, fit
from skimgfeat.cli._show import show, show_json
from skimgfeat.cli._to_store import add_output_options, add_store_options, write_store

_EPILOG = """\
MODEL remembers which images it has learned from. The same fit again does nothing; with --update, fit adds the images
that came into STORE later, one part of the store after the other. All of them go on where they were interrupted or
killed: a first fit from MODEL.part, which it writes now and then and removes at its end, an update after the last part
of the store, encode and decode after the last chunk; these two add images that came later.

examples:
  skimgfeat codec fit descriptors sift.codec --exclude items.csv:split=test
  skimgfeat codec encode descriptors sift.codec codes
  skimgfeat codec decode codes sift.codec restored

exit codes: 0 done, 3 done and some images failed, 1 failed, 2 wrong usage, 130 interrupted
"""


def add_parser(subparsers):
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "codec",
        help="learn a codec from a store of descriptors; encode and decode stores",
        description="Make descriptors fewer and shorter: the best of each image, and their principal components.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="codec_command", required=True)
    _add_fit(commands)
    for name, run, source, output, what in (
        ("encode", _encode, "STORE", "OUT", "select and encode the descriptors of each image"),
        ("decode", _decode, "CODES", "OUT", "reconstruct descriptors from their codes"),
    ):
        command = commands.add_parser(name, help=what, description=f"{what.capitalize()}.")
        command.set_defaults(run=run)
        command.add_argument("store", metavar=source, help="a store that sift or codec encode has written")
        command.add_argument("model", metavar="MODEL", help="a codec that codec fit has written")
        command.add_argument("output", metavar=output, help="a store, created where missing")
        add_store_options(command)
    info = commands.add_parser("info", help="tell what a codec does and has learned from")
    info.set_defaults(run=_info)
    info.add_argument("model", metavar="MODEL", help="a codec that codec fit has written")
    info.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")


def _add_fit(commands):
    parser = commands.add_parser(
        "fit",
        help="learn a codec from a store",
        description="Learn principal components and their ranges from a store, in two passes and bounded memory.",
    )
    parser.set_defaults(run=fit)
    parser.add_argument("store", metavar="STORE", help="a store that sift has written")
    parser.add_argument("model", metavar="MODEL", help="the file to write")
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="CSV:COLUMN=VALUE",
        help="learn nothing from images that a table has this value for; its column image_path names them",
    )
    group = parser.add_argument_group("codec; defaults are those of DescriptorCodec")
    group.add_argument("--components", dest="n_components", type=positive_integer, metavar="N", help="(64)")
    group.add_argument("--max-descriptors", type=positive_integer, metavar="N", help="kept of each image (1800)")
    group.add_argument("--select-by", choices=["rank", "norm"], help="which (rank)")
    group.add_argument("--quantiles", dest="quantile_range", type=_pair, metavar="LOW,HIGH", help="(0.1,99.9)")
    group.add_argument("--margin", type=float, metavar="SHARE", help="added to the range on each side (0.01)")
    group.add_argument("--bits", dest="n_bits", type=int, choices=[8, 4], help="of a code (8)")
    group.add_argument("--samples-per-image", type=positive_integer, metavar="N", help="that PCA learns from (1800)")
    group.add_argument("--batch-size", type=positive_integer, metavar="N", help="descriptors at a time (2000)")
    group.add_argument("--random-state", type=int, metavar="N", help="draws the samples (0)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--update", action="store_true", help="add what MODEL has not learned from yet")
    how.add_argument("--overwrite", action="store_true", help="replace MODEL where it exists")
    add_output_options(parser)


def _pair(text):
    try:
        low, high = map(float, text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be two percentages such as 0.1,99.9, got {text!r}") from error
    return low, high


def _load(path):
    """Return a codec, without what only an update needs: it travels to every worker."""
    from skimgfeat import DescriptorCodec
    from skimgfeat.descriptors._codec_file import read_codec

    return read_codec(path, DescriptorCodec, updatable=False)


def _encode(args):
    """Encode what is not in OUT yet."""
    from skimgfeat import DescriptorStore

    codec, _ = _load(args.model)
    store = DescriptorStore(args.store)
    _check_columns(args, store, codec.n_features_in_, "was fitted on descriptors of")
    return write_store(args, codec, store, args.output)


def _decode(args):
    """Decode what is not in OUT yet."""
    from sklearn.preprocessing import FunctionTransformer

    from skimgfeat import DescriptorStore

    codec, _ = _load(args.model)
    store = DescriptorStore(args.store)
    _check_columns(args, store, codec.pca_._n_features_out, "makes codes of")
    if not _was_made_by(codec, args.store):
        raise UsageError(f"{args.store!r} was not encoded by {args.model!r}: give the codec that it was encoded by")
    return write_store(args, FunctionTransformer(codec.inverse_transform), store, args.output)


def _check_columns(args, store, expected, what):
    shape = columns_of(store)
    if shape != (expected,):
        raise UsageError(
            f"{args.model!r} {what} {expected} numbers, and {args.store!r} holds some of {' x '.join(map(str, shape))}"
        )


def _was_made_by(codec, store):
    from skimgfeat.jobs._folder import JOB, JobFolder
    from skimgfeat.jobs._prepare import hash_estimator

    return {part.read_json(JOB)["estimator"] for part in JobFolder(store).parts()} == {hash_estimator(codec)}


def _info(args):
    """Print what a codec does, what it loses, and what it has learned from."""
    codec, notes = _load(args.model)
    content = _describe(args.model, codec, notes)
    if args.json:
        show_json(content)
        return 0
    parameters = ", ".join(f"{name} {value}" for name, value in content["parameters"].items())
    show(f"{args.model}: {content['bytes'] / 1e6:.2f} MB")
    show(parameters)
    show(
        f"{content['n_features']} numbers to {content['n_codes']} bytes a descriptor; components hold "
        f"{content['explained_variance']:.1%} of the variance"
    )
    show(
        f"root mean square error {content['reconstruction_error'] ** 0.5:.3g}, {content['clipped']:.3%} of the values "
        "clipped"
    )
    learned = content["learned_from"]
    others = ""
    if learned:
        others = " in {chunks:,} chunks; {excluded:,} were excluded, {failed:,} had failed".format_map(learned)
    show(f"learned from {content['n_images']:,} images{others}")
    return 0


def _describe(path, codec, notes):
    pca = codec.pca_
    chunks = (notes or {}).get("chunks", {}).values()
    n_images, n_included, n_learned = (sum(chunk[key] for chunk in chunks) for key in ("images", "included", "learned"))
    learned_from = {"chunks": len(chunks), "excluded": n_images - n_included, "failed": n_included - n_learned}
    return {
        "model": path,
        "bytes": os.path.getsize(path),
        "parameters": {name: value for name, value in codec.get_params().items() if name != "n_jobs"},
        "n_features": codec.n_features_in_,
        "n_codes": pca._n_features_out,
        "explained_variance": float(pca.explained_variance_ratio_.sum()),
        "reconstruction_error": pca.reconstruction_error_,
        "clipped": pca.clipped_fraction_,
        "n_images": codec.n_images_seen_,
        "n_descriptors": int(pca.n_samples_seen_),
        "learned_from": learned_from if chunks else None,
    }
