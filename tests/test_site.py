"""The pages of the documentation as a whole: what they must name, and the links between them and out of them."""

import json
import re
import runpy
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import skimgfeat

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {path: path.read_text(encoding="utf-8") for path in (*DOCS.glob("*.rst"), *DOCS.glob("user_guide/*.rst"))}
GUIDE = {path.stem: text for path, text in PAGES.items() if path.parent.name == "user_guide"}


@pytest.fixture(scope="module")
def conf():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # as conf.py sets it, and not for longer
        return runpy.run_path(str(DOCS / "conf.py"))


def test_the_api_reference_has_every_public_name(conf, tmp_path):
    (tmp_path / "api").mkdir()
    conf["write_api_reference"](SimpleNamespace(srcdir=tmp_path), None)
    text = (tmp_path / "api" / "index.rst").read_text(encoding="utf-8")
    listed = set()
    for part in text.split(".. currentmodule:: ")[1:]:
        module, entries = part.split("\n", 1)
        listed |= {f"{module}.{name}" for name in re.findall(r"^   (\w+)$", entries, flags=re.MULTILINE)}
    public = {f"skimgfeat.{name}" for name in skimgfeat.__all__}
    for name in set(skimgfeat._SUBMODULES) - {"kernels"}:
        module = import_module(f"skimgfeat.{name}")
        public |= {f"skimgfeat.{name}.{own}" for own in module.__all__ if own not in skimgfeat.__all__}
    assert listed == public


def test_the_user_guide_links_all_its_pages():
    linked = re.findall(r"^   (\w+)$", GUIDE["index"], flags=re.MULTILINE)
    assert sorted(linked) == sorted(set(GUIDE) - {"index"})


@pytest.mark.parametrize("name", sorted(set(skimgfeat.__all__) - {"check_image_estimator"}))
def test_the_user_guide_speaks_of(name):
    assert any(re.search(rf"\b{name}\b", text) for text in GUIDE.values())


@pytest.mark.parametrize("table", sorted(path.name for path in (DOCS / "benchmarks").glob("*.inc")))
def test_a_table_of_measurements_stands_under_its_command(table):
    including = [
        text for text in PAGES.values() if re.search(rf"^.. include:: .*benchmarks/{table}$", text, re.MULTILINE)
    ]
    assert len(including) == 1
    commands = including[0][: including[0].index(f"benchmarks/{table}\n")]
    named = re.findall(r"tests/benchmarks/(bench_\w+\.py)|skimgfeat benchmark (cifar10)", commands)
    assert named
    for script in {script for script, _ in named if script}:
        assert (DOCS.parent / "tests" / "benchmarks" / script).exists()


def test_the_extractor_of_the_developer_guide(monkeypatch):
    spec = spec_from_file_location("bright_share", DOCS / "bright_share.py")
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bright_share", module)  # where pickle looks for the class
    spec.loader.exec_module(module)
    images = np.array([[[0, 255, 255, 255], [0, 0, 0, 255]]], dtype=np.uint8)
    extractor = module.BrightShare()
    assert extractor.fit_transform(images).tolist() == [[0.75, 0.25]]
    assert extractor.get_feature_names_out().tolist() == ["bright_r0", "bright_r1"]
    assert {"layouts", "set_output"} <= set(skimgfeat.check_image_estimator(extractor))


def test_linkcheck_reports_what_it_cannot_reach(conf, tmp_path):
    pytest.importorskip("sphinx")
    settings = {name: value for name, value in conf.items() if name.startswith("linkcheck_")}
    assert settings["linkcheck_retries"] > 0
    settings["linkcheck_timeout"] = 2
    (tmp_path / "conf.py").write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    (tmp_path / "index.rst").write_text(
        "Title\n=====\n\n:doc:`other`, `gone <https://no-such-host.invalid/>`__, `own <http://localhost:9/>`__\n"
        "`file <missing.html>`__\n"
    )
    (tmp_path / "other.rst").write_text(":orphan:\n\nOther\n=====\n")
    command = [sys.executable, "-m", "sphinx", "-b", "linkcheck", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 1
    lines = (tmp_path / "out" / "output.json").read_text(encoding="utf-8").splitlines()
    found = {line["uri"]: line["status"] for line in map(json.loads, lines)}
    assert found == {
        "https://no-such-host.invalid/": "broken",
        "http://localhost:9/": "ignored",
        "missing.html": "broken",
    }
