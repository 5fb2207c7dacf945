"""The smallest extractor, an example of the developer guide."""

from skimgfeat._base import ImageFeatures
from skimgfeat._images import scaled_batch
from skimgfeat._validation import check_number


class BrightShare(ImageFeatures):
    """The share of pixels above a threshold, in each row of the image."""

    def __init__(self, threshold=0.5, image_shape=None, n_jobs=None):
        self.threshold = threshold
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _check_parameters(self):
        check_number(type(self).__name__, "threshold", self.threshold)

    def _feature_names(self, image_shape):
        return [f"bright_r{row}" for row in range(image_shape[0])]

    def _extract(self, images, out):
        batch, scale = scaled_batch(images)
        is_bright = batch > self.threshold * scale
        out[:] = is_bright.reshape(*batch.shape[:2], -1).mean(axis=2)
