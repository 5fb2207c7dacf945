"""How far the fit of a codec has come, and the file from which it goes on where it was killed."""

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass

from skimgfeat.descriptors._archives import Kind, read_archive, write_archive
from skimgfeat.descriptors._codec_file import as_json, pack_update, unpack_update
from skimgfeat.descriptors._quantiles import ProjectionHistogram
from skimgfeat.descriptors._quantized_pca import QuantizedPCA

_KIND = Kind("skimgfeat.FitState", 1, "checkpoint", "skimgfeat codec fit", "Remove it to begin anew.")
# What is lost at most. A state of SIFT's descriptors has 45 MB, which take a few tenths of a second to write.
_SECONDS = 30
_PCA_NUMBERS = ("n_components_", "n_samples_seen_", "_left_out")
_PCA_ARRAYS = ("components_", "mean_", "explained_variance_", "explained_variance_ratio_")
_HISTOGRAM = ("_spread", "_counts", "_smallest", "_largest")


@dataclass
class FitState:
    """How far a fit has come: all that the images still to be read depend on."""

    # With what was learned in the first pass.
    pca: QuantizedPCA
    # What the second pass counts in; None in the first.
    histogram: ProjectionHistogram | None = None
    # How many images of the pass are behind it.
    n_read: int = 0


class Checkpoint:
    """A file for the state of one fit.

    Parameters
    ----------
    path : str
        The file.
    identity : object
        What JSON takes and tells this fit from others: all that its result depends on.
    """

    def __init__(self, path, identity):
        self.path = path
        self._identity = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        self._saved = time.monotonic()

    def save(self, state):
        """Write the state, where the last one is old enough."""
        if time.monotonic() - self._saved < _SECONDS:
            return
        write_archive(self.path, _KIND, *_pack(state, self._identity))
        self._saved = time.monotonic()

    def load(self, codec):
        """Return the state of the fit of this codec, None where there is a file of another fit.

        Raises FileNotFoundError where there is none, ValueError for a file that is no such one, or is damaged.
        """

        def unpack(content, array):
            return _unpack(content, array, codec) if content["identity"] == self._identity else None

        return read_archive(self.path, _KIND, unpack)

    def remove(self):
        """Remove the file, which a fit that has ended does not need."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)


def _pack(state, identity):
    """Return a state as a dict for JSON and a dict of arrays."""
    pca, histogram = state.pca, state.histogram
    arrays: dict = {}
    content = {
        "identity": identity,
        "n_read": state.n_read,
        "seed": pca.random_state,
        "update": pack_update(pca, arrays),
        "second_pass": None,
    }
    if histogram is not None:
        content["second_pass"] = {
            "pca": {name: as_json(getattr(pca, name)) for name in _PCA_NUMBERS},
            "n_counted": histogram._n_counted,
            "n_waiting": histogram._n_waiting,
        }
        arrays.update({name: getattr(pca, name) for name in _PCA_ARRAYS})
        arrays.update({f"histogram{name}": getattr(histogram, name) for name in _HISTOGRAM})
        arrays["histogram_waiting"] = histogram._block[: histogram._n_waiting]
    return content, arrays


def _unpack(content, array, codec):
    pca = codec._make_pca(content["seed"])
    pca._begin(len(array("moments_sums")))
    unpack_update(pca, content["update"], array)
    state = FitState(pca, n_read=content["n_read"])
    if (second := content["second_pass"]) is not None:
        vars(pca).update(second["pca"])
        vars(pca).update({name: array(name) for name in _PCA_ARRAYS})
        histogram = pca._make_histogram(array("histogram_spread"))
        vars(histogram).update({name: array(f"histogram{name}") for name in _HISTOGRAM})
        histogram._n_counted, histogram._n_waiting = second["n_counted"], second["n_waiting"]
        histogram._block[: histogram._n_waiting] = array("histogram_waiting")
        state.histogram = histogram
    return state
