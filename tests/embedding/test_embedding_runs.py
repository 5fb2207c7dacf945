"""Networks in runs and on the command line: what is written beside their features, and whose fault an error is."""

import json
import os

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from PIL import Image
from sklearn.pipeline import make_pipeline

from skimgfeat import CNNEmbedding, Flatten, Resize, extract, load_features
from skimgfeat.cli import main

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("pyarrow")

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 24, 20, 3), dtype=np.uint8)
SPEC = "cnn('shufflenet_v2_x0_5', preprocessing={'resize_size': 40, 'crop_size': 32}, weights=None"
OPTIONS = ["--layer", "conv1,stage2", "--pooling", "max", "--backend", "torch"]


def make(**parameters):
    preprocessing = {"resize_size": 40, "crop_size": 32}
    return CNNEmbedding("shufflenet_v2_x0_5", None, preprocessing=preprocessing, **parameters)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with images as an array, as rows and as files."""
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", IMAGES)
    np.save("rows.npy", IMAGES.reshape(3, -1))
    os.mkdir("photos")
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(f"photos/{number}.png")
    with joblib.parallel_config("threading", n_jobs=1):
        yield tmp_path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_model_information_beside_a_file(folder, suffix):
    output = f"x{suffix}"
    assert main(["extract", "images.npy", output, "--features", f"{SPEC})", *OPTIONS, "--quiet"]) == 0
    info = json.loads((folder / f"{output}.model_info.json").read_text())
    assert info["input"]["length"] == 3
    embedding = CNNEmbedding.from_model_info(f"{output}.model_info.json")
    expected = make(layer=["conv1", "stage2"], pooling="max", backend="torch").fit_transform(IMAGES)
    np.testing.assert_array_equal(embedding.fit_transform(IMAGES), expected)
    if suffix == ".npy":
        np.testing.assert_allclose(np.load(output), expected, rtol=0, atol=1e-6)
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_rows_that_were_laid_out_by_an_option(folder):
    options = ["--image-shape", "24x20x3", *OPTIONS, "--quiet"]
    assert main(["extract", "rows.npy", "x.npy", "--features", f"{SPEC})", *options]) == 0
    embedding = CNNEmbedding.from_model_info("x.npy.model_info.json")
    np.testing.assert_allclose(embedding.fit_transform(np.load("rows.npy")), np.load("x.npy"), rtol=0, atol=1e-6)


def test_no_features_stand_beside_information_on_others(folder, capsys):
    (folder / "x.npy.model_info.json").write_text("older")
    assert main(["extract", "images.npy", "x.npy", "--features", "flatten"]) == 2
    assert "'x.npy.model_info.json' exists: choose another OUTPUT" in capsys.readouterr().err
    np.save("x.npy", np.zeros(1))
    np.save("bad.npy", np.full((1, 32, 32), np.nan))
    assert main(["extract", "bad.npy", "x.npy", "--features", "hog", "--overwrite"]) == 1
    assert os.path.exists("x.npy.model_info.json")  # and the features that it tells of
    assert main(["extract", "images.npy", "x.npy", "--features", "flatten", "--overwrite"]) == 0
    assert not os.path.exists("x.npy.model_info.json")


def test_options_of_the_network_in_a_job_folder(folder):
    assert main(["extract", "photos", "out", "--features", f"resize((30, 30)) | {SPEC})", *OPTIONS, "--quiet"]) == 0
    expected = make(layer=["conv1", "stage2"], pooling="max", backend="torch")
    rows = make_pipeline(Resize((30, 30)), expected).fit_transform(IMAGES)
    np.testing.assert_allclose(load_features("out"), rows, rtol=0, atol=1e-6)


def test_every_option_of_the_network(folder):
    torch.save(torch.nn.Linear(1, 1).state_dict(), "w.pth")
    options = ["--model", "resnet18", "--weights", "None", "--layer", "layer1", "--precision", "bfloat16"]
    assert main(["extract", "images.npy", "x.npy", "--features", "cnn", *options, *OPTIONS[2:], "--quiet"]) == 0
    step = json.loads((folder / "x.npy.model_info.json").read_text())["steps"][0]["model"]
    assert step["model"] == "resnet18"
    assert step["weights"]["kind"] == "random"
    assert step["layer"] == ["layer1.1.relu_1"]
    assert (step["precision"], step["pooling"], step["backend"]) == ("bfloat16", "max", "torch")


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        ("hog", ["--pooling", "max"], "--pooling is a parameter of cnn: --features must have that step, once"),
        ("cnn(pooling='max')", ["--pooling", "gem"], "both tell pooling: leave one of them out"),
        (f"{SPEC})", ["--weights", "w.pth"], "both tell weights"),
        (
            "fitted.joblib",
            ["--trust-pickle", "--layer", "conv1"],
            "'fitted.joblib' is fitted already",
        ),
    ],
)
def test_options_that_do_not_go_with_the_features(folder, capsys, features, options, message):
    joblib.dump(make(backend="torch").fit(IMAGES), "fitted.joblib")
    assert main(["extract", "images.npy", "x.npy", "--features", features, *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("source", "output"), [("photos", "out"), ("images.npy", "x.npy")])
def test_weights_that_are_not_there_are_no_fault_of_the_images(folder, capsys, source, output):
    code = main(["extract", source, output, "--features", "cnn", "--weights", "nix.pth", "--jobs", "1"])
    error = capsys.readouterr().err
    assert code == 1
    assert "nix.pth: CNNEmbedding: the weights cannot be read (No such file or directory); give weights" in error
    assert error.count("\n") == 1


class Missing(Flatten):
    def fit(self, X, y=None):
        raise ImportError("Missing: needs a library, which is not installed")


def test_what_fitting_misses_comes_out_of_a_run_as_it_is(folder):
    for estimator in (Missing(), make_pipeline(Resize((30, 30)), Missing())):
        with pytest.raises(ImportError, match=r"^Missing: needs a library"):
            extract(estimator, IMAGES, folder / "out", progress=False)
    with joblib.parallel_config("loky", n_jobs=1), pytest.raises(FileNotFoundError, match=r"nix\.pth"):
        extract(CNNEmbedding(weights="nix.pth"), IMAGES, folder / "out", progress=False)
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
