"""What ``--features`` may say, and what it may not."""

import json

import joblib
import numpy as np
import pytest
from sklearn.kernel_approximation import AdditiveChi2Sampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from skimgfeat import HOG, LBP, CNNEmbedding, HandcraftedFeatures, ImageReader, Resize, Zoning
from skimgfeat.cli._arguments import UsageError
from skimgfeat.cli._features import read_features


def assert_same_steps(steps, expected):
    assert [type(step) for step in steps] == [type(step) for step in expected]
    assert [step.get_params() for step in steps] == [step.get_params() for step in expected]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("hog", [HOG()]),
        ("HOG()", [HOG()]),
        ("  lbp ", [LBP()]),
        ("Zoning", [Zoning()]),
        ("cnn(weights=None, layer=['conv1', 'conv5'])", [CNNEmbedding(weights=None, layer=["conv1", "conv5"])]),
        ("handcrafted", [HandcraftedFeatures()]),
        ("handcraftedfeatures(['lbp', 'hu'], threshold='otsu')", [HandcraftedFeatures(["lbp", "hu"], "otsu")]),
        ("hog(8, pixels_per_cell=(4, 4), signed=True)", [HOG(8, (4, 4), signed=True)]),
        ("zoning(threshold=-0.5)", [Zoning(threshold=-0.5)]),
        ("resize((64, 48)) | hog()", [Resize((64, 48)), HOG()]),
        ("imagereader(mode='gray')|resize(size=(64, 48))|hog", [ImageReader("gray"), Resize((64, 48)), HOG()]),
        ("hog | sklearn.preprocessing.Normalizer(norm='l1')", [HOG(), Normalizer("l1")]),
        ("sklearn.kernel_approximation.AdditiveChi2Sampler", [AdditiveChi2Sampler()]),
    ],
)
def test_steps(spec, expected):
    assert_same_steps(read_features(spec), expected)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", ["''", "hog(orientations=8)"]),
        ("hog |", ["'hog |'", "cannot be read"]),
        ("hog(", ["cannot be read"]),
        ("(" * 10_000, ["cannot be read"]),
        ("hog, lbp", ["no step"]),
        ("hog + lbp", ["'hog + lbp'", "no step"]),
        ("-hog", ["no step"]),
        ("'hog'", ["no step"]),
        ("hog()()", ["no step"]),
        ("[hog][0]", ["no step"]),
        ("lambda: hog", ["no step"]),
        ("hug", ["'hug'", "did you mean 'hog'", "Zoning"]),
        ("images", ["'images'", "HOG"]),
        ("ImageCollection", ["'ImageCollection'"]),
        ("transform_into", ["'transform_into'"]),
        ("__import__('os')", ["'__import__'"]),
        ("os.system('true')", ["'os.system'", "scikit-learn"]),
        ("sklearn.os", ["'sklearn.os'"]),
        ("sklearn.preprocessing._data.os.system('true')", ["no transformer"]),
        ("sklearn.svm.SVC", ["no transformer 'sklearn.svm.SVC'"]),
        ("skimgfeat.HOG", ["no transformer 'skimgfeat.HOG'", "have none"]),
        ("().__class__.__base__.__subclasses__()", ["no transformer"]),
        ("hog(orientations=open('x'))", ["literals", "open('x')"]),
        ("hog(orientations=true)", ["literals", "'true'"]),
        ("hog(2 * 4)", ["literals", "'2 * 4'"]),
        ("hog(*[8])", ["literals", "*[8]"]),
        ("hog(**{'orientations': 8})", ["once, by its name"]),
        ("hog(orientations=8, orientations=9)", ["once, by its name"]),
        ("hog(8, orientations=9)", ["multiple values", "'orientations'"]),
        ("hog(orient=8)", ["no parameter 'orient'", "orientations, pixels_per_cell, cells_per_block"]),
        ("hog(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)", ["too many positional"]),
        ("resize | hog", ["resize", "'size'"]),
        ("hog | resize((8, 8))", ["Resize", "images, not rows"]),
        ("imagereader", ["ImageReader", "images, not rows"]),
    ],
)
def test_what_is_wrong_is_said(spec, words):
    with pytest.raises(UsageError) as error:
        read_features(spec)
    assert str(error.value).startswith("--features: ")
    for word in words:
        assert word in str(error.value)


DESCRIBED = [Resize((64, 48), keep_aspect=True), HandcraftedFeatures(("hu", "lbp")), Normalizer("l1")]
JSON = json.dumps(
    {
        "steps": [
            {"estimator": "Resize", "size": [64, 48], "keep_aspect": True},
            {"estimator": "handcrafted", "families": ["hu", "lbp"]},
            {"estimator": "sklearn.preprocessing.Normalizer", "norm": "l1"},
        ]
    }
)
TOML = """
[[steps]]
estimator = "Resize"
size = [64, 48]
keep_aspect = true
[[steps]]
estimator = "handcrafted"
families = ["hu", "lbp"]
[[steps]]
estimator = "sklearn.preprocessing.Normalizer"
norm = "l1"
"""


@pytest.mark.parametrize(("name", "text"), [("a.json", JSON), ("a.JSON", JSON), ("a.toml", TOML)])
def test_description(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert_same_steps(read_features(str(tmp_path / name)), DESCRIBED)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", ["a.json", "JSON"]),
        ("a.json", "\udcff", ["a.json", "JSON"]),
        ("a.json", "[" * 100_000, ["a.json", "JSON"]),
        ("a.toml", "steps = [", ["a.toml", "TOML"]),
        ("a.json", "[]", ['"steps"']),
        ("a.json", "{}", ['"steps"']),
        ("a.json", '{"steps": []}', ['"steps"']),
        ("a.json", '{"steps": {"estimator": "HOG"}}', ['"steps"']),
        ("a.json", '{"steps": ["HOG"]}', ['"estimator"']),
        ("a.json", '{"steps": [{"estimator": 1}]}', ['"estimator"']),
        ("a.json", '{"steps": [{"estimator": "HOG"}, {"size": [8, 8]}]}', ['"estimator"']),
        ("a.json", '{"steps": [{"estimator": "HOG"}], "version": 1}', ["nothing else"]),
        ("a.json", '{"steps": [{"estimator": "HOG", "orient": 8}]}', ["HOG", "'orient'"]),
        ("a.json", '{"steps": [{"estimator": "os.system", "command": "true"}]}', ["no transformer 'os.system'"]),
    ],
)
def test_wrong_description(tmp_path, name, text, words):
    (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError) as error:
        read_features(str(tmp_path / name))
    for word in words:
        assert word in str(error.value)


class Planted:
    """Does what a pickle can do: run code when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "x")


@pytest.mark.parametrize("name", ["a.joblib", "a.pkl", "a.PICKLE"])
def test_nothing_is_unpickled_unless_trusted(tmp_path, name):
    path, planted = str(tmp_path / name), tmp_path / "planted"
    joblib.dump(Planted(str(planted)), path)
    with pytest.raises(UsageError, match="--trust-pickle"):
        read_features(path)
    assert not planted.exists()
    with pytest.warns(ResourceWarning, match="unclosed file"):
        assert len(read_features(path, trust_pickle=True)) == 1
    assert planted.exists()


def test_saved_pipeline(tmp_path):
    path = str(tmp_path / "a.joblib")
    joblib.dump(make_pipeline(Resize((32, 32)), "passthrough", HOG()).fit(np.zeros((1, 30, 30))), path)
    resize, hog = read_features(path, trust_pickle=True)
    assert resize.size == (32, 32)
    assert hog.transform(np.zeros((2, 32, 32))).shape == (2, 324)  # fitted


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x05cnowhere\nNothing\n.", b"\x80\x05."])
def test_damaged_pickle(tmp_path, content):
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.pkl' cannot be loaded"):
        read_features(str(path), trust_pickle=True)


@pytest.mark.parametrize("name", ["missing.json", "missing.toml", "missing.joblib"])
def test_missing_file(tmp_path, name):
    with pytest.raises(FileNotFoundError):
        read_features(str(tmp_path / name), trust_pickle=True)
