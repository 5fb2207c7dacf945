"""What estimators do with an ImageCollection: fill rows, map images."""

import warnings

import numpy as np

from skimgfeat._parallel import run_batches, run_in_two
from skimgfeat.io import FailedImagesWarning, ImageError


def fill_rows(owner, collection, image_shape, extract, out, *, n_jobs, batch_size=None, **threads):
    """Decode a collection batch by batch and let ``extract(images, rows)`` fill the rows of ``out``.

    Rows of images that cannot be had become NaN, where the collection has ``on_error="nan"``; one warning says so.
    Where ``extract`` wants batches of a size, it has threads of its own, and some are decoded ahead meanwhile:
    ``threads`` are the options of :func:`skimgfeat._parallel.run_in_two`.
    """
    failed = []

    def decode(batch):
        images = np.empty((batch.stop - batch.start, *image_shape), collection.dtype)
        good = []
        for place, index in enumerate(range(batch.start, batch.stop)):
            image = collection.read_or_error(index)
            if isinstance(image, ImageError):
                failed.append(index)
                continue
            if image.shape != image_shape:
                raise ValueError(
                    f"{owner}: image {index} of X, {collection.names[index]!r}, has shape {image.shape}, but {owner} "
                    f"was fitted on images of shape {image_shape}; bring them to one size first, with Resize."
                )
            if image.dtype != images.dtype:
                raise ValueError(
                    f"{owner}: image {index} of X, {collection.names[index]!r}, has dtype {image.dtype}, but the "
                    f"collection has {images.dtype}; a mapped function must keep the type."
                )
            check_finite(owner, collection, index, image)
            images[place] = image
            good.append(place)
        return images, good

    def fill(batch, decoded):
        images, good = decoded
        if len(good) == len(images):
            extract(images, out[batch])
            return
        out[batch] = np.nan
        if good:
            rows = np.empty((len(good), *out.shape[1:]), out.dtype)
            extract(images[good], rows)
            out[batch][good] = rows

    if batch_size is not None:
        run_in_two(decode, fill, len(collection), batch_size=batch_size, n_jobs=n_jobs, **threads)
    else:
        n_bytes = int(np.prod(image_shape)) * collection.dtype.itemsize + out[:1].nbytes
        run_batches(lambda batch: fill(batch, decode(batch)), len(collection), bytes_per_item=n_bytes, n_jobs=n_jobs)
    warn_of_failures(owner, collection, sorted(failed))


def map_images(owner, function, images, default, *, n_jobs):
    """Return ``[function(image) for image in images]``, computed on ``n_jobs`` threads.

    ``images`` is a sequence of arrays or a collection; an image of it that cannot be had gives ``default``, where it
    has ``on_error="nan"``, and one warning says so.
    """
    results = [default] * len(images)
    failed = []
    read = getattr(images, "read_or_error", images.__getitem__)

    def fill(batch):
        for index in range(batch.start, batch.stop):
            image = read(index)
            if isinstance(image, ImageError):
                failed.append(index)
            else:
                results[index] = function(image)

    # Photos differ in size, and so do their costs: each is a batch.
    run_batches(fill, len(images), bytes_per_item=1 << 30, n_jobs=n_jobs, in_main_thread=False)
    warn_of_failures(owner, images, sorted(failed), "they have no descriptors")
    return results


def check_finite(owner, collection, index, image):
    """Raise ValueError for an image of a collection that holds NaN or infinity, as a mapped function may make them."""
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError(
            f"{owner}: image {index} of X, {collection.names[index]!r}, holds NaN or infinity; a function that is "
            "mapped over images must give numbers for constant ones too."
        )


def warn_of_failures(owner, collection, failed, outcome="their rows are NaN"):
    """Warn that these images of a collection could not be had."""
    if failed:
        names = ", ".join(repr(collection.names[index]) for index in failed[:3])
        warnings.warn(
            f"{owner}: {len(failed)} of {len(collection)} images cannot be read ({names}"
            f"{', ...' if len(failed) > 3 else ''}); {outcome}. collection.check() tells why.",
            FailedImagesWarning,
            stacklevel=3,
        )
