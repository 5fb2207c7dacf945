"""Backends that are missing or broken: "auto" takes another, and one that is asked for says what is wrong."""

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from skimgfeat import CNNEmbedding
from skimgfeat.embedding import _network

pytest.importorskip("torch")
pytest.importorskip("torchvision")
OTHER = {"openvino": "onnxruntime", "onnxruntime": "openvino"}


def fit(backend):
    embedding = CNNEmbedding(
        "shufflenet_v2_x0_5", None, backend=backend, preprocessing={"resize_size": 40, "crop_size": 32}
    )
    return embedding.fit([np.zeros((50, 70, 3), dtype=np.uint8)])


@pytest.fixture(autouse=True)
def _installed():
    for name in (*OTHER, "onnx"):
        pytest.importorskip(name)
    _network._kept.clear()


@pytest.mark.parametrize("error", ["ImportError", "OSError"])
@pytest.mark.parametrize("broken", OTHER)
def test_a_backend_that_is_installed_and_broken(broken, error, tmp_path, monkeypatch):
    (tmp_path / broken).mkdir()
    (tmp_path / broken / "__init__.py").write_text(f"raise {error}('libfoo.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, broken)
    assert fit("auto").backend_ == OTHER[broken]
    with pytest.raises(ImportError, match=rf"backend='{broken}' .* \(libfoo\.so\.1: cannot open .*--force-reinstall"):
        fit(broken)


@pytest.mark.parametrize("backend", OTHER)
def test_a_backend_that_is_not_installed(backend, monkeypatch):
    monkeypatch.setitem(sys.modules, backend, None)
    extra = {"openvino": "openvino", "onnxruntime": "onnx"}[backend]
    with pytest.raises(ImportError, match=rf"{backend} is not installed: pip install 'skimgfeat\[{extra}\]'"):
        fit(backend)


@pytest.mark.parametrize(("backend", "extra"), [("openvino", "openvino"), ("onnxruntime", "onnx")])
def test_each_backend_needs_onnx_which_its_extra_installs(backend, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=rf"onnx is not installed: pip install 'skimgfeat\[{extra}\]'"):
        fit(backend)
    assert fit("auto").backend_ == "torch"
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(needed.startswith("onnx>=") for needed in project["optional-dependencies"][extra])
