"""What ``import skimgfeat`` costs and gives, and what every public name's documentation promises."""

import ast
import dataclasses
import doctest
import inspect
import os
import subprocess
import sys
import textwrap
from importlib import import_module, metadata, resources
from pathlib import Path

import pytest

import skimgfeat

SUBMODULES = ["datasets", "embedding", "features", "io", "jobs", "preprocessing", "recipes", "testing"]
PUBLIC = {name: getattr(skimgfeat, name) for name in skimgfeat.__all__} | {
    f"{module}.{name}": getattr(import_module(f"skimgfeat.{module}"), name)
    for module in SUBMODULES
    for name in import_module(f"skimgfeat.{module}").__all__
    if name not in skimgfeat.__all__
}
METHODS = {
    f"{name}.{method}": function
    for name in skimgfeat.__all__
    if inspect.isclass(public := PUBLIC[name])
    for method, function in inspect.getmembers(public, inspect.isfunction)
    if not method.startswith("_") and function.__module__.startswith("skimgfeat")
}
# Downloads: their examples cannot run here.
DOWNLOADS = {"datasets.fetch_cifar10", "datasets.fetch_emnist", "datasets.fetch_mnist"}


def run_python(code, folder):
    """Run code in a new interpreter that finds the package where this one found it, and return what it prints."""
    package = str(Path(skimgfeat.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    arguments = [sys.executable, "-W", "error", "-c", code]
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(arguments, cwd=folder, env=environment, check=True, timeout=120, capture_output=True)
    return done.stdout.decode()


# --- Importing


def test_the_import_loads_no_library(tmp_path):
    code = "import sys; before = set(sys.modules); import skimgfeat; print(*sorted(set(sys.modules) - before))"
    loaded = {name.split(".")[0] for name in run_python(code, tmp_path).split()}
    assert loaded - {"skimgfeat"} <= set(sys.stdlib_module_names)


def test_the_import_is_quick(tmp_path):
    code = "from time import perf_counter as now; start = now(); import skimgfeat; print(now() - start)"
    assert min(float(run_python(code, tmp_path)) for _ in range(5)) < 0.1


def test_estimators_load_no_plots_and_no_networks(tmp_path):
    """scikit-learn itself imports pandas, and that pyarrow, where they are installed."""
    code = "import sys, skimgfeat; [getattr(skimgfeat, name) for name in skimgfeat.__all__]; print(*sys.modules)"
    loaded = set(run_python(code, tmp_path).split())
    assert "skimgfeat.features" in loaded
    assert loaded.isdisjoint({"matplotlib", "polars", "pooch", "torch", "torchvision", "tqdm"})


# --- Names


def test_names_resolve():
    assert skimgfeat.__all__ == sorted(skimgfeat._PUBLIC)
    for name, module in skimgfeat._PUBLIC.items():
        public = getattr(skimgfeat, name)
        assert public.__name__ == name
        assert public is getattr(import_module(module), name)
        assert name in import_module(module).__all__


def test_star_import():
    namespace = {}
    exec("from skimgfeat import *", namespace)
    assert set(skimgfeat.__all__) <= set(namespace)


def test_submodules_resolve():
    for name in skimgfeat._SUBMODULES:
        assert getattr(skimgfeat, name) is import_module(f"skimgfeat.{name}")
        for public in getattr(skimgfeat, name).__all__:
            assert hasattr(getattr(skimgfeat, name), public)


def test_every_public_estimator_is_at_the_root():
    for module in ("descriptors", "embedding", "features", "neural", "preprocessing"):
        assert set(import_module(f"skimgfeat.{module}").__all__) <= set(skimgfeat.__all__)


def test_dir():
    assert {*skimgfeat.__all__, *skimgfeat._SUBMODULES, "__version__"} <= set(dir(skimgfeat))


@pytest.mark.parametrize("name", ["Hog", "cli", "_private", "sklearn"])
def test_unknown_names(name):
    with pytest.raises(AttributeError, match=f"module 'skimgfeat' has no attribute '{name}'"):
        skimgfeat.__getattr__(name)
    with pytest.raises(ImportError, match="cannot import name 'Hog'"):
        from skimgfeat import Hog  # noqa: F401


def test_typed():
    assert resources.files("skimgfeat").joinpath("py.typed").is_file()


def test_version():
    try:
        installed = metadata.version("skimgfeat")
    except metadata.PackageNotFoundError:
        pytest.skip("skimgfeat is not installed: it runs from its source folder")
    assert skimgfeat.__version__ == installed


def test_the_installed_kernels_run():
    """They are not hidden by a source folder, which has none, in the working directory."""
    try:
        files = metadata.files("skimgfeat") or []
    except metadata.PackageNotFoundError:
        pytest.skip("skimgfeat is not installed: it runs from its source folder")
    are_compiled = any(file.name.startswith("_kernels.") for file in files)
    assert (skimgfeat.kernels.instruction_set != "reference") == are_compiled


# --- Documentation


def own_parameters(function):
    parameters = inspect.signature(function).parameters.values()
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(each.kind, "") + each.name for each in parameters if each.name != "self"]


def names_in(section):
    return [name.strip() for entry in section for name in entry.name.split(",")]


def gives_something(function):
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    returned = [node for node in nodes if isinstance(node, ast.Return) and node.value is not None]
    return bool(returned) or any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes)


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings(name):
    docscrape = pytest.importorskip("numpydoc.docscrape")
    public = PUBLIC[name]
    documentation = docscrape.get_doc_object(public)
    assert documentation["Summary"][0].endswith(".")
    if inspect.isclass(public) and issubclass(public, Warning):  # nobody makes one
        assert documentation["Examples"]
        return
    if dataclasses.is_dataclass(public):
        assert names_in(documentation["Attributes"]) == own_parameters(public)
        return
    assert names_in(documentation["Parameters"]) == own_parameters(public)
    assert documentation["Examples"]
    if inspect.isfunction(public):
        assert bool(documentation["Returns"] or documentation["Yields"]) == gives_something(public)


@pytest.mark.parametrize("name", METHODS)
def test_docstrings_of_methods(name):
    docscrape = pytest.importorskip("numpydoc.docscrape")
    documentation = docscrape.FunctionDoc(METHODS[name])
    assert names_in(documentation["Parameters"]) == own_parameters(METHODS[name])
    assert documentation["Summary"][0].endswith(".")
    assert bool(documentation["Returns"] or documentation["Yields"]) == gives_something(METHODS[name])


@pytest.mark.parametrize("name", [name for name in PUBLIC if not dataclasses.is_dataclass(PUBLIC[name])])
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(PUBLIC[name], name, globs={})
    skipped = [example for example in test.examples if example.options.get(doctest.SKIP)]
    assert bool(skipped) == (name in DOWNLOADS)
    assert len(test.examples) > len(skipped)
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert said == []
    assert list(tmp_path.iterdir()) == []
