"""What is trained on, and what is watched."""

import numpy as np
from sklearn.model_selection import train_test_split

from skimgfeat._images import scaled_batch
from skimgfeat._lazy import check_finite
from skimgfeat._parallel import iter_batches
from skimgfeat.io import ImageError


def decode(owner, collection, image_shape):
    """Return all images of a collection as an array; one that cannot be had is an error."""
    images = np.empty((len(collection), *image_shape), collection.dtype)
    for index, image in enumerate(collection.read_ahead()):
        if isinstance(image, ImageError):
            raise ValueError(
                f"{owner}: image {index} of X, {collection.names[index]!r}, cannot be learned from: {image}; leave out "
                "what X.check() tells of."
            ) from image
        if image.shape != image_shape:
            raise ValueError(
                f"{owner}: image {index} of X, {collection.names[index]!r}, has shape {image.shape}, but others have "
                f"{image_shape}; bring them to one size first, with Resize."
            )
        check_finite(owner, collection, index, image)
        images[index] = image
    return images


def channel_statistics(images, rows):
    """Return the mean and the standard deviation of each channel of some images, float32; 1 if it does not vary."""
    n_channels = images.shape[3] if images.ndim == 4 else 1
    sums = np.zeros((2, n_channels))
    for batch in iter_batches(len(rows), bytes_per_item=images[0].size * 8):
        pixels, full_scale = scaled_batch(images[rows[batch]])
        pixels = (pixels.astype(np.float32) / np.float32(full_scale)).reshape(-1, n_channels).astype(np.float64)
        sums += pixels.sum(axis=0), np.square(pixels).sum(axis=0)
    mean, mean_square = sums / (len(rows) * images[0].size // n_channels)
    deviation = np.sqrt(np.maximum(mean_square - mean**2, 0))
    # Below this, what varies is the rounding of the sums.
    deviation[deviation <= 1e-6 * np.abs(mean)] = 1
    return mean.astype(np.float32), deviation.astype(np.float32)


def split(owner, classes, labels, fraction, random):
    """Return the indices of the examples to train on, and of those to watch: of each class its share."""
    counts = np.bincount(labels)
    n_watched = max(int(np.ceil(fraction * len(labels))), len(counts))
    kept = watched = np.empty(0, dtype=np.int64)
    if counts.min() >= 2 and len(labels) - n_watched >= len(counts):
        indices = np.arange(len(labels))
        kept, watched = train_test_split(indices, test_size=n_watched, stratify=labels, random_state=random)
    # The share of a rare class may round to none.
    if not np.bincount(labels[kept], minlength=len(counts)).all():
        raise ValueError(
            f"{owner}: X has n_samples = {len(labels)}, the fewest of class {classes[counts.argmin()]} with "
            f"{counts.min()}: validation_fraction={fraction!r} must leave images of every class to train on; "
            "lower it, pass more images, or X_val and y_val, or set validation_fraction=None."
        )
    return kept, watched
