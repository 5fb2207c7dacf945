"""The pages "from notebook to pipeline": each runs on packaged data, and what it says of its results holds there."""

import runpy
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

NOTEBOOKS = Path(__file__).parents[1] / "examples" / "notebooks"
PAGES = sorted(path.name for path in NOTEBOOKS.glob("plot_*.py"))


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Return a function that runs a page in an empty folder, and returns its names, pictures and what it printed."""
    matplotlib = pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    import matplotlib.pyplot as plt

    def run_page(name):
        with matplotlib.rc_context({"backend": "agg"}), threadpool_limits(1):
            names = runpy.run_path(str(NOTEBOOKS / name))
        return names, [plt.figure(number) for number in plt.get_fignums()], capsys.readouterr().out

    monkeypatch.delenv("SKIMGFEAT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    yield run_page
    plt.close("all")
    assert list(tmp_path.iterdir()) == []


def test_every_page_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_plot_")}
    assert sorted(f"{name}.py" for name in tested) == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_pipeline_takes_about_a_dozen_lines(name):
    text = (NOTEBOOKS / name).read_text(encoding="utf-8")
    cell = next(cell for cell in text.split("# %%\n") if cell.startswith(("# The pipeline\n", "# The pipelines\n")))
    code = [line for line in cell.splitlines() if not line.startswith("#") and line.strip()]
    assert len(code) <= 16


def test_plot_handwriting(run):
    names, figures, printed = run("plot_handwriting.py")
    assert names["X_train"].shape[1] == 1436
    assert min(names["accuracies"].values()) > 0.98
    shares = names["shares"]
    assert sum(shares.values()) == pytest.approx(1)
    # "HOG has nine columns of ten", and the cells share what it has of the importance.
    assert round(10 * names["families"]["hog"] / 1436) == 9
    assert names["cells"].sum() == pytest.approx(shares["hog"])
    assert len(figures) == 2
    assert "scikit-learn's digits" in printed


def test_plot_small_photos(run):
    pytest.importorskip("torch")
    names, figures, printed = run("plot_small_photos.py")
    accuracies = names["accuracies"]
    assert accuracies["HOG, nearest neighbor"] > accuracies["pixels, nearest neighbor"]
    assert accuracies["HOG, forest"] > accuracies["pixels, forest"]
    assert max(accuracies, key=accuracies.get) == "signed HOG and colors, ridge"
    assert names["within"] < 0.9 * names["between"]
    assert len(figures) == 4
    assert "digits on photos" in printed


def test_plot_descriptors_of_paintings(run):
    names, figures, printed = run("plot_descriptors_of_paintings.py")
    assert names["n_found"].min() == 0  # the blank image
    assert names["n_kept"].max() == 1800
    assert names["smaller"] > 20
    as_bytes, as_codes, by_norm = names["totals"].values()
    assert as_codes > 0.95 * as_bytes
    assert by_norm < 0.8 * as_codes
    assert len(figures) == 2
    assert "17 listed = 17 ok" in printed


def test_plot_labelled_crops(run):
    names, figures, printed = run("plot_labelled_crops.py")
    assert names["account"].codes == {"empty_box": 1, "placeholder": 3, "unidentified": 1, "unknown_flag": 1}
    assert len(names["X"]) == 480
    assert names["macro_f1"] > 0.9
    assert names["overlap"].mean() < 0.2
    assert len(figures) == 2
    assert "digits on pages" in printed


def test_plot_items_of_images(run):
    pytest.importorskip("torchvision")
    names, figures, printed = run("plot_items_of_images.py")
    assert names["run"].codes == {"unidentified": 1}
    assert names["account"].unmatched_names == ["logo.png"]
    assert len(names["columns"]) == 1280
    assert 0.1 < names["r2"] < 1
    assert len(figures) == 1
    assert "pieces of 13 photos" in printed
