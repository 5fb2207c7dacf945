"""The house of docs/developer_guide.rst: imports go downwards only, and what only one place may do is done there."""

import ast
from pathlib import Path

import pytest

import skimgfeat

PACKAGE = Path(skimgfeat.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# The floor of each package, and of each module beside them. The root holds lazy names only: see resolve().
FLOORS = {
    "__main__": 8,
    "": 7,
    "cli": 7,
    "recipes": 6,
    "display": 5,
    "testing": 5,
    "datasets": 5,
    "jobs": 4,
    "features": 3,
    "descriptors": 3,
    "embedding": 3,
    "preprocessing": 3,
    "neighbors": 3,
    "neural": 3,
    "_base": 2,
    "_images": 1,
    "_lazy": 1,
    "io": 0,
    "kernels": 0,
    "_parallel": -1,
    "_threads": -1,
    "_validation": -1,
}

# Slow to import, or in an extra that need not be installed: imported late, inside functions.
HEAVY = {
    "dask",
    "distributed",
    "faiss",
    "fsspec",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "openvino",
    "pandas",
    "polars",
    "pooch",
    "pyarrow",
    "requests",
    "safetensors",
    "skorch",
    "timm",
    "torch",
    "torchvision",
    "tqdm",
    "urllib3",
}

# What np.load and torch.load must be told.
SAFE = {"allow_pickle": "False", "weights_only": "True"}

# Names whose import from any module is the means to read a pickle.
LOADERS = {"load", "loads", "Unpickler"}

# The functions that may, with --trust-pickle and with unsafe=True.
UNPICKLES = {("cli/_features.py", "_load_pickle"), ("io/_object_npz.py", "read_object_npz")}

# The functions that may catch whatever is raised.
CATCH_ALL = {("io/_decode.py", "decode_image"), ("io/_decode.py", "_orientation"), ("jobs/_chunk.py", "attempt")}


def place(path):
    """Return the package, or the module beside packages, that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def resolve(dotted, name=None):
    """Return the place that ``import dotted`` or ``from dotted import name`` reaches, None for one outside.

    The public names of ``skimgfeat`` itself stand for the packages that define them; what else the root has, its
    version, belongs to no floor.
    """
    root, *rest = dotted.split(".")
    if root != "skimgfeat":
        return None
    if rest:
        return rest[0]
    if name in skimgfeat._PUBLIC:
        return skimgfeat._PUBLIC[name].split(".")[1]
    return name if name in FLOORS else None


def imports(tree):
    """Yield every (place, line) that a module imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((resolve(alias.name), node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from ((resolve(node.module, alias.name), node.lineno) for alias in node.names)


def upward_imports(where, tree):
    """Yield (line, place) of the imports that do not go down."""
    for target, line in imports(tree):
        if target is not None and target != where and FLOORS.get(target, 99) >= FLOORS[where]:
            yield line, target


def outside_functions(node):
    """Yield the nodes that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from outside_functions(child)


def heavy_imports(tree):
    for node in outside_functions(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module]
        yield from ((node.lineno, name) for name in names if name.split(".")[0] in HEAVY)


def calls(tree, name):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


def catch_alls(tree, function=""):
    """Yield (function, line) of every ``except`` that takes Exception, BaseException or anything."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)} if node.type else set()
            if node.type is None or caught & {"Exception", "BaseException"}:
                yield function, node.lineno
        yield from catch_alls(node, getattr(node, "name", None) or function)


def unpickling(tree, function=""):
    """Yield (function, line) of what reads pickles, or could."""
    for node in ast.iter_child_nodes(tree):
        unpickles = (
            (isinstance(node, ast.Import) and {alias.name for alias in node.names} & {"pickle", "shelve"})
            or (isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & LOADERS)
            or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("joblib.load", ".read_pickle")))
            or (isinstance(node, ast.keyword) and node.arg in SAFE and ast.unparse(node.value) != SAFE[node.arg])
        )
        if unpickles:
            yield function, node.lineno
        yield from unpickling(node, getattr(node, "name", None) or function)


@pytest.fixture(params=MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def module(request):
    path = request.param
    return path, ast.parse(path.read_text(encoding="utf-8"))


def test_modules_are_found():
    assert {"", "_base", "features", "kernels", "testing"} <= set(map(place, MODULES))


def test_every_module_has_a_floor(module):
    assert place(module[0]) in FLOORS


def test_every_lazy_name_has_a_floor():
    assert {target.split(".")[1] for target in skimgfeat._PUBLIC.values()} <= set(FLOORS)
    assert set(skimgfeat._SUBMODULES) <= set(FLOORS)


def test_imports_go_down(module):
    path, tree = module
    assert list(upward_imports(place(path), tree)) == []


def test_the_root_imports_nothing():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    assert [node.module for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))] == ["importlib"]


def test_only_the_root_imports_by_a_computed_name(module):
    path, tree = module
    computed = [*calls(tree, "import_module"), *calls(tree, "importlib.import_module"), *calls(tree, "__import__")]
    assert place(path) == "" or computed == []


def test_heavy_libraries_are_imported_late(module):
    assert list(heavy_imports(module[1])) == []


def test_kernels_know_no_estimator_and_no_file(module):
    path, tree = module
    if place(path) == "kernels":
        named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        named |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.split(".")[0] for name in named}.isdisjoint({"sklearn", "joblib", "os", "pathlib", "io", "PIL"})
        assert list(calls(tree, "open")) == []


def test_only_the_command_line_prints(module):
    path, tree = module
    prints = [*calls(tree, "print"), *calls(tree, "sys.stdout.write"), *calls(tree, "sys.stderr.write")]
    assert place(path) == "cli" or prints == []


def test_only_two_places_catch_whatever_is_raised(module):
    path, tree = module
    name = path.relative_to(PACKAGE).as_posix()
    assert [(function, line) for function, line in catch_alls(tree) if (name, function) not in CATCH_ALL] == []


def test_the_places_that_catch_whatever_is_raised_are_there():
    for name in {name for name, _ in CATCH_ALL}:
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        assert {(name, caught) for caught, _ in catch_alls(tree)} == {place for place in CATCH_ALL if place[0] == name}


def test_nothing_is_read_with_pickle(module):
    path, tree = module
    if place(path) != "testing":  # takes what it pickled itself out again
        name = path.relative_to(PACKAGE).as_posix()
        assert [(function, line) for function, line in unpickling(tree) if (name, function) not in UNPICKLES] == []


@pytest.mark.parametrize(("name", "function"), sorted(UNPICKLES))
def test_the_places_that_unpickle_are_there(name, function):
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    assert [caught for caught, _ in unpickling(tree)] == [function]


# --- The rules themselves: each finds what it is for.


@pytest.mark.parametrize(
    ("where", "code", "found"),
    [
        ("features", "from skimgfeat._base import ImageFeatures", []),
        ("features", "from skimgfeat.features._hog import HOG", []),
        ("features", "import numpy as np\nimport skimage.feature", []),
        ("features", "from skimgfeat.preprocessing import Resize", ["preprocessing"]),
        ("features", "from skimgfeat import Resize", ["preprocessing"]),
        ("features", "def f():\n    from skimgfeat.jobs import transform_into", ["jobs"]),
        ("features", "import skimgfeat.cli", ["cli"]),
        ("_images", "from skimgfeat import _base, _parallel", ["_base"]),
        ("io", "from skimgfeat.kernels import hog", ["kernels"]),
        ("recipes", "from skimgfeat import HOG, __version__, datasets", []),
        ("datasets", "from skimgfeat import testing", ["testing"]),
        ("cli", "from skimgfeat import HOG, recipes", []),
        ("jobs", "from skimgfeat.attic import old", ["attic"]),
    ],
)
def test_upward_imports_are_found(where, code, found):
    assert [target for _, target in upward_imports(where, ast.parse(code))] == found


def test_relative_imports_are_found():
    with pytest.raises(AssertionError, match="imports are absolute"):
        list(imports(ast.parse("from . import _hog")))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import torch", ["torch"]),
        ("from matplotlib import pyplot", ["matplotlib"]),
        ("try:\n    import pyarrow.parquet as pq\nexcept ImportError:\n    pq = None", ["pyarrow.parquet"]),
        ("class A:\n    import pandas", ["pandas"]),
        ("def f():\n    import torch", []),
        ("class A:\n    def f(self):\n        import pandas", []),
        ("import numpy, tqdm", ["tqdm"]),
    ],
)
def test_heavy_imports_are_found(code, found):
    assert [name for _, name in heavy_imports(ast.parse(code))] == found


@pytest.mark.parametrize(
    ("handler", "found"),
    [
        ("except:", ["f"]),
        ("except Exception:", ["f"]),
        ("except (OSError, Exception) as error:", ["f"]),
        ("except BaseException:", ["f"]),
        ("except (OSError, ValueError):", []),
    ],
)
def test_catch_alls_are_found(handler, found):
    code = f"def f():\n    try:\n        g()\n    {handler}\n        pass"
    assert [function for function, _ in catch_alls(ast.parse(code))] == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import pickle", [1]),
        ("import joblib\njoblib.load(path)", [2]),
        ("from joblib import load", [1]),
        ("from pickle import loads as read", [1]),
        ("from pickle import UnpicklingError", []),
        ("np.load(path, allow_pickle=True)", [1]),
        ("np.load(path, allow_pickle=flag)", [1]),
        ("torch.load(path, weights_only=False)", [1]),
        ("np.load(path, allow_pickle=False)", []),
        ("torch.load(path, weights_only=True)", []),
    ],
)
def test_unpickling_is_found(code, found):
    assert [line for _, line in unpickling(ast.parse(code))] == found
