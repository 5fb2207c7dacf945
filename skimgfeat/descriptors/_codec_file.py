"""Codecs in files."""

import numpy as np
from sklearn.decomposition import IncrementalPCA

from skimgfeat.descriptors._archives import Kind, read_archive, write_archive
from skimgfeat.descriptors._moments import Moments
from skimgfeat.descriptors._quantiles import Reservoir

_KIND = Kind("skimgfeat.DescriptorCodec", 1, "codec", "DescriptorCodec.save", "Fit the codec again.")

_NUMBERS = ("n_components_", "n_samples_seen_", "reconstruction_error_", "clipped_fraction_", "_left_out")
_ARRAYS = ("components_", "mean_", "explained_variance_", "explained_variance_ratio_", "lower_", "upper_")
# What partial_fit goes on from.
_MOMENTS = ("_shift", "_sums", "_products")
_INCREMENTAL_NUMBERS = ("n_components_", "n_features_in_", "n_samples_seen_", "noise_variance_")
_INCREMENTAL_ARRAYS = (
    "components_",
    "mean_",
    "var_",
    "singular_values_",
    "explained_variance_",
    "explained_variance_ratio_",
)


def write_codec(path, codec, *, updatable=True, notes=None):
    """Write a fitted codec to a file that is complete or not there; ``notes`` is anything that JSON takes."""
    arrays = {name: getattr(codec.pca_, name) for name in _ARRAYS}
    content = {
        "parameters": {name: as_json(value) for name, value in codec.get_params().items()},
        "n_images_seen": codec.n_images_seen_,
        "n_images_given": codec._n_images_given,
        "seed": codec.pca_.random_state,
        "pca": {name: as_json(getattr(codec.pca_, name)) for name in _NUMBERS},
        "update": pack_update(codec.pca_, arrays) if updatable else None,
        "notes": notes,
    }
    write_archive(path, _KIND, content, arrays)


def read_codec(path, make, *, updatable=True):
    """Return the codec in a file, made by ``make(**parameters)``, and its notes.

    With ``updatable=False``, what partial_fit goes on from is left out.
    """
    return read_archive(
        path, _KIND, lambda content, array: (_unpack(content, array, make, updatable), content["notes"])
    )


def as_json(value):
    """Return a parameter or number as JSON takes it. A RandomState is left out: the seed drawn from it is kept."""
    if isinstance(value, np.random.RandomState):
        return None
    if isinstance(value, (tuple, list, np.ndarray)):
        return [as_json(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def pack_update(pca, arrays):
    """Return the numbers of what partial_fit goes on from, and put its arrays to the others."""
    moments, reservoir = pca._moments, pca._reservoir
    random = reservoir._random.get_state(legacy=False)
    arrays.update({f"moments{name}": getattr(moments, name) for name in _MOMENTS})
    arrays["sample"] = reservoir.rows
    arrays["random_key"] = random["state"]["key"]
    update = {
        "n_rows": moments.n_rows,
        "sample_size": reservoir._size,
        "n_offered": reservoir.n_rows,
        "random_position": random["state"]["pos"],
    }
    if pca._incremental is not None:
        found = vars(pca._incremental)
        arrays.update({f"incremental_{name}": found[name] for name in _INCREMENTAL_ARRAYS})
        update["incremental"] = {name: as_json(found[name]) for name in _INCREMENTAL_NUMBERS}
    return update


def _unpack(content, array, make, updatable):
    parameters = content["parameters"]
    parameters["quantile_range"] = tuple(parameters["quantile_range"])
    codec = make(**parameters)
    codec._check_parameters()
    pca = codec._make_pca(content["seed"])
    vars(pca).update({name: array(name) for name in _ARRAYS})
    vars(pca).update({name: content["pca"][name] for name in _NUMBERS})
    shape = (pca.n_components_, len(pca.mean_))
    if pca.components_.shape != shape or pca.lower_.shape != shape[:1] or pca.upper_.shape != shape[:1]:
        raise ValueError(f"arrays of {pca.components_.shape}, {pca.lower_.shape} and {pca.upper_.shape} do not fit")
    pca._set_quantizer()
    if updatable and content["update"] is not None:
        unpack_update(pca, content["update"], array)
    codec.pca_ = pca
    codec.n_features_in_ = shape[1]
    codec.n_images_seen_, codec._n_images_given = content["n_images_seen"], content["n_images_given"]
    return codec


def unpack_update(pca, update, array):
    """Let an estimator go on from what :func:`pack_update` returned; ``array(name)`` is an array of that name."""
    n_features = len(array("moments_sums"))
    random = np.random.RandomState()
    random.set_state(("MT19937", array("random_key"), update["random_position"], 0, 0.0))
    pca._moments = Moments(n_features)
    pca._moments.n_rows = update["n_rows"]
    vars(pca._moments).update({name: array(f"moments{name}") for name in _MOMENTS})
    pca._reservoir = Reservoir(update["sample_size"], n_features, random)
    pca._reservoir._kept, pca._reservoir.n_rows = array("sample"), update["n_offered"]
    pca._incremental = None
    if "incremental" in update:
        pca._incremental = IncrementalPCA(pca.n_components)
        vars(pca._incremental).update({name: array(f"incremental_{name}") for name in _INCREMENTAL_ARRAYS})
        vars(pca._incremental).update(update["incremental"])
