"""Features of an array to one file, in this process: what fits a file needs no job folder."""

import time
from contextlib import nullcontext
from pathlib import Path

from skimgfeat.cli._arguments import UsageError, first_line
from skimgfeat.cli._show import show_account

# A batch of images and features together, in bytes: enough work for every processor, little beside a machine's memory.
_BATCH_BYTES = 32 << 20


def model_info_path(output):
    """Return the path of what is written beside the features of networks."""
    return f"{output}.model_info.json"


def extract_to_file(args, pipeline, images, y):
    """Compute the features batch by batch, write them, and return the exit code."""
    from joblib import parallel_config

    from skimgfeat.io import write_features
    from skimgfeat.jobs import Account
    from skimgfeat.jobs._items import Items
    from skimgfeat.jobs._model_info import describe_models, write_models

    start = time.perf_counter()
    with parallel_config("threading", n_jobs=args.jobs):
        pipeline, names, bytes_per_image = _fit(pipeline, images)
        models = describe_models(pipeline, Items(images))
        batch_size = args.batch_size or max(1, _BATCH_BYTES // bytes_per_image)
        with _progress_bar(len(images), args.quiet) as bar:
            rows = _iter_rows(pipeline, images, batch_size, bar)
            write_features(args.output, rows, feature_names=names, n_samples=len(images), y=y)
    if models is None:  # and yet older features may have had some
        Path(model_info_path(args.output)).unlink(missing_ok=True)
    else:
        write_models(model_info_path(args.output), models)
    seconds = time.perf_counter() - start
    n = len(images)
    show_account(args, Account(args.output, listed=n, ok=n, partial=0, error=0, skipped=0, seconds=seconds, n_done=n))
    return 0


def _fit(pipeline, images):
    """Return the fitted pipeline, the names of its columns, and the bytes that an image takes on its way.

    Tried on zeros: what goes wrong here is the options' fault, not that of a pixel.
    """
    import numpy as np

    from skimgfeat.jobs._items import Items
    from skimgfeat.jobs._layouts import Rows, layout_of
    from skimgfeat.jobs._prepare import FitError, check_transformer, column_names, prepare

    batch = np.zeros((1, *images.shape[1:]), images.dtype)
    try:
        check_transformer(pipeline)
        pipeline, features = prepare(pipeline, Items(batch))
        layout = layout_of(features, "list", lambda n_columns: column_names(pipeline, n_columns))
        if not isinstance(layout, Rows):
            raise UsageError("a file holds rows, and these features are descriptors: OUTPUT must be a folder")
        n_bytes = batch.nbytes
        for step in pipeline:
            batch = step.transform(batch)
            n_bytes += batch.nbytes
    except FitError as error:
        raise error.args[0] from None
    except (TypeError, ValueError) as error:
        raise UsageError(first_line(error)) from error
    return pipeline, layout.names, n_bytes


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
        yield rows.toarray() if hasattr(rows, "toarray") else rows
        if bar is not None:
            bar.update(len(batch))
