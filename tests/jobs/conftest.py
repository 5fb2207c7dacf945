import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from PIL import Image

# Workers and scripts import helpers from here by name.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "io")]


@pytest.fixture
def threads():
    """Run chunks on threads of this process: there is no worker to wait for."""
    with joblib.parallel_config("threading", n_jobs=2):
        yield


@pytest.fixture(scope="module")
def processes():
    """End joblib's workers with the tests of the module."""
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


@pytest.fixture
def images():
    """60 images of 8 x 8 pixels; none is constant, and their first pixel is below 200."""
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    images[:, 0, 0] //= 2
    return images


@pytest.fixture
def folder(tmp_path, images):
    """A folder of those images as files, in two folders."""
    root = tmp_path / "images"
    for name in ("cats", "dogs"):
        (root / name).mkdir(parents=True)
    for index, image in enumerate(images):
        Image.fromarray(image).save(root / ("cats" if index < 30 else "dogs") / f"{index:02d}_front.png")
    return root


@pytest.fixture
def bytes_of():
    """Return a function that gives {name: bytes} of the chunk files of a job."""

    def read(output):
        return {path.name: path.read_bytes() for path in sorted(Path(output, "chunks").iterdir())}

    return read
