"""CNNEmbedding beside the loop that everyone writes: one image at a time through torchvision's model, eager.

    python tests/benchmarks/bench_embedding.py --rst docs/benchmarks/embedding.rst.inc

Random weights: they cost what trained ones do. Photos are those that SKIMGFEAT_DATA names, else some that come with
scikit-image, which are few and large.
"""

import argparse
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torchvision
from _data import data_folder, photo_tiles
from _tables import print_tables
from _timing import measure
from PIL import Image
from skimage import data

from skimgfeat import CNNEmbedding, ImageCollection

_MODELS = ("mobilenet_v2", "shufflenet_v2_x1_0")
_SIDE = 224
_THREADS = 2
# Those that come with scikit-image.
_PHOTOS = ("astronaut", "chelsea", "coffee", "retina", "rocket")
_VARIANTS = {
    "torch": {"backend": "torch"},
    "openvino": {"backend": "openvino"},
    "onnxruntime": {"backend": "onnxruntime"},
    "torch, bfloat16": {"backend": "torch", "precision": "bfloat16"},
    "openvino, bfloat16": {"backend": "openvino", "precision": "bfloat16"},
}


def make_model(name):
    """The model without its classifier, as the loop has it."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    head = "classifier" if hasattr(model, "classifier") else "fc"
    setattr(model, head, torch.nn.Identity())
    return model


def embed_loop(model, images, transform):
    rows = []
    with torch.no_grad():
        for image in images:
            rows.append(model(transform(image)[None])[0].numpy())
    return np.stack(rows)


def differences(rows, expected):
    """Return the largest difference, of the row's largest value, and the smallest cosine."""
    largest = (np.abs(rows - expected).max(axis=1) / np.abs(expected).max(axis=1)).max()
    cosines = (rows * expected).sum(axis=1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(expected, axis=1)
    return f"{largest:.1e}", f"{cosines.min():.4f}"


def backend_table(models, count, repeats, n_threads):
    """Images of the size that the networks take, by the clock, both sides on as many threads."""
    images = photo_tiles(_SIDE, count, color=True)[0]
    torch.set_num_threads(n_threads)
    rows = []
    for name in models:
        model = make_model(name)
        preset = torchvision.models.get_model_weights(name).DEFAULT.transforms(resize_size=_SIDE)
        pictures = [Image.fromarray(image) for image in images]
        expected = embed_loop(model, pictures, preset)
        sides = {"loop": (partial(embed_loop, model, pictures, preset), count)}
        same = {}
        for variant, parameters in _VARIANTS.items():
            embedding = CNNEmbedding(name, None, preprocessing={"resize_size": None}, n_jobs=n_threads, **parameters)
            try:
                same[variant] = differences(embedding.fit_transform(images), expected)
            except (ImportError, ValueError) as error:
                rows.append((name, variant, *["-"] * 5, str(error)[:60]))
                continue
            sides[variant] = (partial(embedding.transform, images), count)
        costs = measure(sides, repeats)
        loop = costs.pop("loop")
        for variant, cost in costs.items():
            rows.append((name, variant, loop.wall * 1e3, cost.wall * 1e3, loop.wall / cost.wall, *same[variant]))
    header = ["model", "backend", "loop, ms", "skimgfeat, ms", "ratio", "largest difference", "smallest cosine"]
    return header, rows


def load_photos(folder, limit):
    """Return a name and the paths of photos."""
    files = data_folder()
    if files is not None:
        return "photos", sorted((files / "photos").iterdir())[:limit]
    for name in _PHOTOS:
        Image.fromarray(getattr(data, name)()).save(Path(folder) / f"{name}.jpg")
    return "photos of scikit-image", sorted(Path(folder).iterdir())[:limit]


def files_table(models, paths, repeats):
    """From files, by the clock, on the same two processors."""
    torch.set_num_threads(_THREADS)
    rows = []
    for name in models:
        model = make_model(name)
        preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()

        def loop(model=model, preset=preset):
            return embed_loop(model, (Image.open(path).convert("RGB") for path in paths), preset)

        expected, sides, same = loop(), {"loop": (loop, len(paths))}, {}
        collection = ImageCollection(paths)
        for precision in ("float32", "bfloat16"):
            embedding = CNNEmbedding(name, None, precision=precision, n_jobs=_THREADS).fit(collection)
            variant = f"{embedding.backend_}, {precision}"
            same[variant] = differences(embedding.transform(collection), expected)
            sides[variant] = (partial(embedding.transform, collection), len(paths))
        costs = measure(sides, repeats)
        slow = costs.pop("loop")
        for variant, cost in costs.items():
            rows.append((name, variant, 1 / slow.wall, 1 / cost.wall, slow.wall / cost.wall, *same[variant]))
    header = ["model", "backend", "loop, images/s", "skimgfeat, images/s", "ratio", "largest difference"]
    return [*header, "smallest cosine"], rows


def gpu_table(paths, repeats, n_jobs):
    """From files on a GPU, beside decoding and preparing alone, which ought to be the limit."""
    header = ["model", "decoding alone, images/s", "skimgfeat, images/s", "share"]
    if not torch.cuda.is_available():
        return header, [("there is no GPU here", "-", "-", "-")]
    rows = []
    for name in _MODELS:
        embedding = CNNEmbedding(name, None, device="cuda", batch_size=128, n_jobs=n_jobs)
        collection = ImageCollection(paths * max(1, 4000 // len(paths)))
        embedding.fit(collection)

        def decode(collection=collection, prepare=embedding._plan.preparation):
            for _ in collection.map(prepare).read_ahead(n_jobs=n_jobs, window=4 * n_jobs):
                pass

        sides = {
            "decoding": (decode, len(collection)),
            "all": (partial(embedding.transform, collection), len(collection)),
        }
        costs = measure(sides, repeats)
        decoding, whole = 1 / costs["decoding"].wall, 1 / costs["all"].wall
        rows.append((name, decoding, whole, whole / decoding))
    return header, rows


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32, help="images of 224 x 224 that each side works on in a turn")
    parser.add_argument("--photos", type=int, default=200, help="photos that each side works on in a turn")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side, of which the median counts")
    parser.add_argument("--decoders", type=int, default=16, help="threads that decode for a GPU")
    parser.add_argument("--rst", type=Path, help="also write the tables to this file as reStructuredText")
    parser.add_argument("--quick", action="store_true", help="toy size, which says nothing about speed")
    options = parser.parse_args(arguments)
    models = _MODELS
    if options.quick:
        models, options.images, options.photos, options.repeats = ("shufflenet_v2_x0_5",), 2, 2, 1
    before = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of torch, about memory that is read only
        about, paths = load_photos(folder, options.photos)
        tables = [
            *(
                (
                    f"{options.images} images of {_SIDE} x {_SIDE}, threads on both sides: {n_threads}",
                    *backend_table(models, options.images, options.repeats, n_threads),
                )
                for n_threads in (1, _THREADS)
            ),
            (
                f"{len(paths)} {about}, from files, threads on both sides: {_THREADS}",
                *files_table(models, paths, options.repeats),
            ),
            ("From files on a GPU", *gpu_table(paths, options.repeats, options.decoders)),
        ]
    torch.set_num_threads(before)
    packages = ["torch", "torchvision", "pillow", "numpy", "scikit-learn"]
    print_tables(tables, options.rst, about="Random weights. By the clock.", packages=packages)


if __name__ == "__main__":
    main()
