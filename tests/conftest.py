import os

# Before scikit-learn and SciPy are imported: one of scikit-learn's common checks asks for it.
os.environ["SCIPY_ARRAY_API"] = "1"

import importlib.util
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_openmp_thread():
    """k-means of scikit-learn takes many small steps, whose threads wait long for each other on a busy machine."""
    with threadpool_limits(1, user_api="openmp"):
        yield


@pytest.fixture(autouse=True)
def close_figures():
    """Matplotlib warns of many open figures, and examples leave theirs open."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(scope="session")
def data_dir():
    """The folder of the real data."""
    folder = os.environ.get("SKIMGFEAT_DATA")
    if not folder:
        pytest.skip("SKIMGFEAT_DATA does not name the folder of the real data")
    return Path(folder)


def load_helper(*parts):
    path = Path(__file__).parent.joinpath(*parts)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scikit_image_loop():
    """The module features/scikit_image_loop.py, which the benchmarks run too."""
    return load_helper("features", "scikit_image_loop.py")


@pytest.fixture(scope="session")
def odd_files():
    """The module io/odd_files.py, which writes a folder of files that readers stumble over."""
    return load_helper("io", "odd_files.py")
