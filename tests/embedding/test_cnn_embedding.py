"""CNNEmbedding against torchvision's own models and presets, run by hand on one image at a time."""

import hashlib
import http.server
import json
import pickle
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from PIL import Image
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import skimgfeat
from skimgfeat import CNNEmbedding, FailedImagesWarning, ImageCollection, ImageReader, load_features
from skimgfeat.embedding import _network
from skimgfeat.embedding._network import Network, load_network
from skimgfeat.jobs import extract
from skimgfeat.jobs._prepare import hash_estimator

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
models = torchvision.models

MODEL = "shufflenet_v2_x0_5"
SMALL = {"resize_size": 40, "crop_size": 32}
RNG = np.random.default_rng(0)
PHOTOS = [RNG.integers(0, 256, (rows, cols, 3), dtype=np.uint8) for rows, cols in [(50, 70), (64, 40), (45, 45)]]


def make(model=MODEL, **parameters):
    return CNNEmbedding(model, **{"weights": None, "backend": "torch", "preprocessing": SMALL} | parameters)


def by_hand(name=MODEL, seed=0, state=None):
    """The model as anyone makes it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = models.get_model(name, weights=None)
    if state is not None:
        model.load_state_dict(state)
    return model.eval()


def preset(resize_size=40, crop_size=32, **options):
    from torchvision.transforms._presets import ImageClassification

    return ImageClassification(resize_size=resize_size, crop_size=crop_size, **options)


def maps_by_hand(model, images, transform):
    """The last feature maps of ShuffleNet for each image, (1, channels, rows, cols)."""
    with torch.inference_mode():
        for image in images:
            values = transform(Image.fromarray(image))[None]
            for name in ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"):
                values = getattr(model, name)(values)
            yield values


def rows_by_hand(model, images, transform):
    return np.concatenate([maps.mean((2, 3)).numpy() for maps in maps_by_hand(model, images, transform)])


def assert_close(rows, expected, tolerance=1e-5):
    assert rows.shape == expected.shape
    assert rows.dtype == np.float32
    assert (np.abs(rows - expected).max(axis=1) <= tolerance * np.abs(expected).max(axis=1)).all()


@pytest.fixture
def state_file(tmp_path):
    """A file of weights that are not those of seed 0, and what is in it."""
    state = by_hand(seed=7).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    return tmp_path / "weights.pth", state


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, photo in enumerate(PHOTOS):
        Image.fromarray(photo).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


# --- The same rows as by hand


def test_rows_are_those_of_the_model_by_hand():
    rows = make().fit_transform(PHOTOS)
    assert_close(rows, rows_by_hand(by_hand(), PHOTOS, preset()))
    assert rows.shape[1] == 1024


def test_the_preset_is_that_of_the_published_weights():
    photo = [RNG.integers(0, 256, (300, 260, 3), dtype=np.uint8)]
    rows = make(preprocessing=None).fit_transform(photo)
    assert_close(rows, rows_by_hand(by_hand(), photo, models.ShuffleNet_V2_X0_5_Weights.DEFAULT.transforms()))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("resize_size", "crop_size"), [(40, 32), (33, 33), (20, 32), (64, 31)])
@pytest.mark.parametrize("shape", [(50, 70), (64, 40), (9, 30), (40, 40)])
def test_preparation_gives_the_pixels_of_torchvision(shape, resize_size, crop_size, interpolation):
    from skimgfeat.embedding._preparation import Preparation

    image = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    prepared = Preparation(resize_size, (crop_size, crop_size), interpolation, (0, 0, 0), (1, 1, 1))(image)
    mode = torchvision.transforms.InterpolationMode(interpolation)
    transform = preset(resize_size, crop_size, interpolation=mode, mean=(0, 0, 0), std=(1, 1, 1))
    expected = transform(Image.fromarray(image)).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(prepared, np.rint(expected * 255).astype(np.uint8))


def test_long_thin_images_take_no_more_memory_than_their_crop():
    from skimgfeat.embedding._preparation import Preparation

    prepare = Preparation(32, (32, 32), "bilinear", (0, 0, 0), (1, 1, 1))
    long = np.repeat(np.arange(3000, dtype=np.uint8)[None], 2, axis=0)
    wide = Preparation(32, (32, 32 * 1500), "bilinear", (0, 0, 0), (1, 1, 1))(long)
    start = (wide.shape[1] - 32) // 2
    assert np.abs(prepare(long).astype(int) - wide[:, start : start + 32]).max() <= 1


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [
        ("max", lambda maps: maps.amax((2, 3))),
        (
            "gem",
            lambda maps: (
                torch.nn.functional.avg_pool2d(maps.clamp(min=1e-6) ** 3, maps.shape[2:])[..., 0, 0] ** (1 / 3)
            ),
        ),
        ("flatten", lambda maps: maps.reshape(1, -1)),
    ],
)
def test_pooling(pooling, pool):
    transform = preset(70, 64)
    expected = np.concatenate([pool(maps).numpy() for maps in maps_by_hand(by_hand(), PHOTOS, transform)])
    assert_close(
        make(pooling=pooling, preprocessing={"resize_size": 70, "crop_size": 64}).fit_transform(PHOTOS), expected
    )


def test_layers_are_joined():
    model, transform = by_hand(), preset()
    with torch.inference_mode():
        first = [model.conv1(transform(Image.fromarray(photo))[None]) for photo in PHOTOS]
        second = [model.stage2(model.maxpool(values)) for values in first]
    expected = np.concatenate([np.concatenate([v.mean((2, 3)) for v in side]) for side in (first, second)], axis=1)
    embedding = make(layer=["conv1", "stage2"])
    assert_close(embedding.fit_transform(PHOTOS), expected)
    assert embedding.layers_[0] == "conv1.2"
    assert embedding.layers_[1].startswith("stage2.3.")


def test_the_classes_with_pooling_none():
    model, transform = by_hand(), preset()
    with torch.inference_mode():
        expected = np.concatenate([model(transform(Image.fromarray(photo))[None]) for photo in PHOTOS])
    assert_close(make(layer="fc", pooling="none").fit_transform(PHOTOS), expected)


@pytest.mark.parametrize(
    ("name", "layer", "n_columns"),
    [
        ("mobilenet_v2", "features.18.2", 1280),
        ("shufflenet_v2_x1_0", "conv5.2", 1024),
        ("resnet18", "layer4.1.relu_1", 512),
        ("mobilenet_v3_small", "classifier.1", 1024),
        ("squeezenet1_1", "features.12.cat", 512),
        ("densenet121", "relu", 1024),
        ("mnasnet0_5", "layers.16", 1280),
    ],
)
def test_what_is_cut_off_is_the_classifier(name, layer, n_columns):
    embedding = make(name, preprocessing={"resize_size": 64, "crop_size": 64}).fit(PHOTOS)
    assert embedding.layers_ == [layer]
    names = embedding.get_feature_names_out()
    assert len(names) == n_columns
    assert names[-1] == f"{name}_{n_columns - 1}"


def test_tokens_and_rows():
    """The class token of a transformer is a row; its tokens are pooled."""
    pytest.importorskip("timm")
    import timm

    parameters = {"preprocessing": {"resize_size": 160, "crop_size": 160}}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("test_vit", pretrained=False).eval()
    transform = preset(
        160, 160, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation=torchvision.transforms.InterpolationMode.BICUBIC
    )
    with torch.inference_mode():
        tokens = torch.cat([model.forward_features(transform(Image.fromarray(photo))[None]) for photo in PHOTOS])
    embedding = make("timm/test_vit", **parameters)
    assert_close(embedding.fit_transform(PHOTOS), tokens[:, 0].numpy())
    assert embedding.get_feature_names_out()[0] == "test_vit_0"
    assert_close(make("timm/test_vit", layer="norm", **parameters).fit_transform(PHOTOS), tokens.mean(1).numpy())


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_backends_agree(backend):
    pytest.importorskip(backend)
    rows = make(backend=backend).fit_transform(PHOTOS)
    assert_close(rows, rows_by_hand(by_hand(), PHOTOS, preset()))


def test_auto_takes_the_first_that_agrees(monkeypatch):
    from skimgfeat.embedding import _backends

    def wrong(compute, images, out):
        out[:] = 1

    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(_backends.OpenVINOBackend, "__init__", lambda *args: None)
    monkeypatch.setattr(_backends.OpenVINOBackend, "__call__", wrong)
    assert make(backend="auto", random_state=5).fit(PHOTOS).backend_ == "onnxruntime"
    monkeypatch.setattr(_backends.OnnxBackend, "__call__", wrong)
    assert make(backend="auto", random_state=6).fit(PHOTOS).backend_ == "torch"


def test_bfloat16_is_near():
    rows, expected = make(precision="bfloat16").fit_transform(PHOTOS), make().fit_transform(PHOTOS)
    cosines = (rows * expected).sum(1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.995
    assert not np.array_equal(rows, expected)


# --- Images of all kinds


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_row_has_the_same_bits_whatever_is_beside_it(backend):
    pytest.importorskip(backend)
    photos = [np.roll(photo, shift) for shift in range(4) for photo in PHOTOS]
    rows = make(backend=backend).fit_transform(photos)
    for parameters in ({"batch_size": 1}, {"batch_size": 5, "n_jobs": 2}, {"n_jobs": 3, "batch_size": 2}):
        np.testing.assert_array_equal(make(backend=backend, **parameters).fit_transform(photos), rows)
    np.testing.assert_array_equal(make(backend=backend).fit(photos).transform(photos[4:5])[0], rows[4])


@pytest.mark.parametrize(("n_images", "sizes"), [(7, [3, 4]), (1, [1]), (70, [6, 32, 32])])
def test_few_images_are_shared_out_among_threads(monkeypatch, n_images, sizes):
    computed, fill = [], Network.fill
    embedding = make(n_jobs=2).fit(PHOTOS)
    monkeypatch.setattr(Network, "fill", lambda *args: (computed.append(len(args[1])), fill(*args)))
    embedding.transform([PHOTOS[0]] * n_images)
    assert sorted(computed) == sizes


def test_gray_images_are_three_equal_channels():
    gray = [photo[..., 0] for photo in PHOTOS]
    color = [np.repeat(image[..., None], 3, axis=2) for image in gray]
    np.testing.assert_array_equal(make().fit_transform(gray), make().fit_transform(color))
    with pytest.raises(ValueError, match="gray or RGB"):
        make().fit(np.zeros((1, 40, 40, 4), dtype=np.uint8))


def test_a_collection_gives_what_its_images_give(folder):
    collection = ImageCollection.from_folder(folder)
    embedding = make().fit(collection)
    np.testing.assert_array_equal(embedding.transform(collection), make().fit_transform(PHOTOS))
    assert not hasattr(embedding, "n_features_in_")


def test_images_that_cannot_be_read_are_nan(folder):
    (folder / "1.png").write_bytes(b"no image")
    collection = ImageCollection.from_folder(folder, on_error="nan")
    embedding = make(batch_size=2).fit(collection)
    with pytest.warns(FailedImagesWarning, match="1 of 3"):
        rows = embedding.transform(collection)
    assert np.isnan(rows[1]).all()
    np.testing.assert_array_equal(rows[[0, 2]], make().fit_transform([PHOTOS[0], PHOTOS[2]]))


def test_pixels_that_overflow_are_refused():
    with pytest.raises(ValueError, match="too large"):
        make(precision="float16").fit(PHOTOS).transform([np.full((40, 40, 3), 1e9, dtype=np.float32)])


def test_grid_search_over_files_in_processes(tmp_path):
    rng = np.random.default_rng(1)
    paths = [str(tmp_path / f"{number}.png") for number in range(12)]
    for number, path in enumerate(paths):
        photo = rng.integers(0, 80, (40, 50, 3), dtype=np.uint8)
        photo[..., number % 2] += 150
        Image.fromarray(photo).save(path)
    pipeline = make_pipeline(ImageReader(), make(layer="conv1"), LinearSVC(random_state=0))
    search = GridSearchCV(pipeline, {"cnnembedding__pooling": ["avg", "max"]}, cv=2, n_jobs=2)
    search.fit(paths, np.arange(12) % 2)
    assert search.best_score_ == 1
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(search)).predict(paths), np.arange(12) % 2)
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def test_grid_search_over_classifiers(folder):
    paths = [str(folder / f"{number % 2}.png") for number in range(8)]
    pipeline = make_pipeline(ImageReader(), make(layer="conv1"), KNeighborsClassifier())
    classifiers = [KNeighborsClassifier(1), RandomForestClassifier(10, bootstrap=False, random_state=0)]
    search = GridSearchCV(pipeline, {"kneighborsclassifier": classifiers}, cv=2).fit(paths, np.arange(8) % 2)
    assert search.cv_results_["mean_test_score"].tolist() == [1, 1]


# --- Weights


def test_random_weights_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    make(random_state=11, layer="conv1").fit(PHOTOS)
    assert torch.equal(torch.get_rng_state(), before)
    hashes = {make(random_state=seed, layer="conv1").fit(PHOTOS).weights_sha256_ for seed in (11, 12)}
    assert len(hashes) == 2


@pytest.mark.parametrize("kind", ["plain", "module.", "nested", "other classes", "safetensors"])
def test_weights_of_a_file(state_file, tmp_path, kind):
    path, state = state_file
    if kind == "safetensors":
        from safetensors.torch import save_file

        path = tmp_path / "weights.safetensors"
        save_file(state, path)
    elif kind != "plain":
        content = {f"{kind if kind == 'module.' else ''}{name}": values for name, values in state.items()}
        if kind == "other classes":
            content |= {"fc.weight": torch.zeros(3, 1024), "fc.bias": torch.zeros(3)}
        torch.save({"epoch": 3, "state_dict": content} if kind == "nested" else content, path)
    embedding = make(weights=path)
    assert_close(embedding.fit_transform(PHOTOS), rows_by_hand(by_hand(state=state), PHOTOS, preset()))
    assert embedding.weights_sha256_ == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_in_any_order(tmp_path, prefix):
    """Names of ResNet end alike: conv1.weight, layer1.0.conv1.weight."""
    state = by_hand("resnet18", seed=7).state_dict()
    path = tmp_path / "weights.pth"
    torch.save({prefix + name: values for name, values in reversed(state.items())}, path)
    expected = make("resnet18", random_state=7, layer="layer1").fit_transform(PHOTOS)
    assert_close(make("resnet18", weights=path, layer="layer1").fit_transform(PHOTOS), expected)


def test_a_wrong_hash_is_refused_before_the_file_is_read(state_file, monkeypatch):
    path, _ = state_file
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    make(weights=path, weights_sha256=sha256.upper()).fit(PHOTOS)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("read"))
    with pytest.raises(ValueError, match=f"their SHA-256 is {sha256}, and it must be {'0' * 64}"):
        make(weights=path, weights_sha256="0" * 64).fit(PHOTOS)


class Planted:
    def __reduce__(self):
        return (exec, ("raise SystemExit('planted code ran')",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Planted(), "tensors and nothing else"),
        ([1, 2], "must hold a state_dict"),
        ({"weight": torch.zeros(3)}, "another model: .* are missing"),
        ("resnet18", "another model"),
        ("shufflenet_v2_x1_0", "has shape"),
        (None, "tensors and nothing else"),
    ],
)
def test_files_that_are_no_weights_of_the_model(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    if content is None:
        path.write_bytes(b"no weights")
    else:
        torch.save(by_hand(content).state_dict() if isinstance(content, str) else content, path)
    with pytest.raises(ValueError, match=f"^CNNEmbedding: .*{message}"):
        make(weights=path).fit(PHOTOS)


def test_a_file_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="give weights the path"):
        make(weights="nowhere/weights.pth").fit(PHOTOS)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder for downloads, and a function that lets published weights come from an address."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def publish(url):
        monkeypatch.setattr(models.ShuffleNet_V2_X0_5_Weights.DEFAULT.value, "url", url, raising=True)

    return publish


def test_published_weights_are_downloaded_once(state_file, tmp_path, hub):
    path, state = state_file
    name = f"shufflenet-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    path.rename(tmp_path / name)
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(args)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        hub(f"http://127.0.0.1:{server.server_port}/{name}")
        rows = make(weights="DEFAULT").fit_transform(PHOTOS)
        make(weights="IMAGENET1K_V1").fit(PHOTOS)
        assert len(asked) == 1
        # A file that is not what its name promises is no download.
        (tmp_path / "hub" / "checkpoints" / name).unlink()
        (tmp_path / name).write_bytes(b"other")
        with pytest.raises(OSError, match="cannot be downloaded from http://127"):
            make(weights="DEFAULT").fit(PHOTOS)
        assert list((tmp_path / "hub" / "checkpoints").iterdir()) == []
    finally:
        server.shutdown()
        server.server_close()
    assert_close(rows, rows_by_hand(by_hand(state=state), PHOTOS, preset()))


def test_without_a_network(hub):
    hub("http://127.0.0.1:9/shufflenet-01234567.pth")
    with pytest.raises(OSError, match=r"from http://127\.0\.0\.1:9/shufflenet.*its path, weights='\.\.\./shuff"):
        make(weights="DEFAULT").fit(PHOTOS)


# --- Copies, processes, model information

USE = """
import pickle, sys
import numpy as np
from skimgfeat import CNNEmbedding
images = np.load(sys.argv[1])
if sys.argv[2].endswith(".pkl"):
    with open(sys.argv[2], "rb") as file:
        embedding = pickle.load(file)
else:
    embedding = CNNEmbedding.from_model_info(sys.argv[2]).fit(images)
np.save(sys.argv[3], embedding.transform(images))
"""


def use_in_a_new_process(tmp_path, images, source):
    np.save(tmp_path / "images.npy", images)
    package = str(Path(skimgfeat.__file__).parents[1])
    arguments = [sys.executable, "-c", USE, tmp_path / "images.npy", source, tmp_path / "rows.npy"]
    subprocess.run(arguments, check=True, timeout=300, env={"PYTHONPATH": package, "PATH": ""})
    return np.load(tmp_path / "rows.npy")


def test_pickles_without_weights(state_file, tmp_path):
    path, _ = state_file
    embedding = make(weights=path).fit(PHOTOS)
    rows = embedding.transform(PHOTOS[:1])
    data = pickle.dumps(embedding)
    assert len(data) < 100_000
    (tmp_path / "embedding.pkl").write_bytes(data)
    np.testing.assert_array_equal(use_in_a_new_process(tmp_path, PHOTOS[0][None], tmp_path / "embedding.pkl"), rows)
    forget_networks()
    torch.save(by_hand(seed=8).state_dict(), path)
    with pytest.raises(ValueError, match="not the ones that are asked for"):
        pickle.loads(data).transform(PHOTOS)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="give weights the path"):
        pickle.loads(data).transform(PHOTOS)


def forget_networks():
    from skimgfeat.embedding import _network

    _network._kept.clear()


def test_pickles_with_weights(state_file):
    path, _ = state_file
    embedding = make(weights=path, store_weights=True).fit(PHOTOS)
    rows = embedding.transform(PHOTOS)
    data = pickle.dumps(embedding)
    path.unlink()
    forget_networks()
    np.testing.assert_array_equal(pickle.loads(data).transform(PHOTOS), rows)


def test_model_info_makes_the_same_rows(state_file, tmp_path):
    path, _ = state_file
    embedding = make(weights=path, layer="stage2", pooling="max").fit(PHOTOS)
    embedding.save_model_info(tmp_path / "model.json")
    info = json.loads((tmp_path / "model.json").read_text())["steps"][0]["model"]
    assert torch.__version__.startswith(info["versions"]["torch"])
    assert info["weights"]["sha256"] == embedding.weights_sha256_
    rows = use_in_a_new_process(tmp_path, PHOTOS[1][None], tmp_path / "model.json")
    np.testing.assert_array_equal(rows, embedding.transform(PHOTOS[1:2]))
    path.rename(tmp_path / "moved.pth")
    moved = CNNEmbedding.from_model_info(tmp_path / "model.json", weights=tmp_path / "moved.pth", n_jobs=2)
    np.testing.assert_array_equal(moved.fit_transform(PHOTOS), embedding.transform(PHOTOS))


def test_model_info_tells_how_rows_are_laid_out(tmp_path):
    rows = RNG.integers(0, 256, (2, 20 * 30 * 3), dtype=np.uint8)
    embedding = make(image_shape=(20, -1, 3)).fit(rows)
    embedding.save_model_info(tmp_path / "model.json")
    again = CNNEmbedding.from_model_info(tmp_path / "model.json")
    np.testing.assert_array_equal(again.fit_transform(rows), embedding.transform(rows))


def without(*names):
    def change(content):
        for name in names[:-1]:
            content = content[name]
        del content[names[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(format=99),
        without("format"),
        without("steps", 0, "estimator"),
        *(without("steps", 0, "model", name) for name in ("weights", "model", "layer", "preprocessing")),
        without("steps", 0, "model", "weights", "sha256"),
        *(
            lambda content, value=value: content["steps"][0]["model"].update(weights=value)
            for value in (None, "DEFAULT", {"name": "DEFAULT", "path": "", "sha256": None})
        ),
        lambda content: content["steps"][0].update(model="resnet18"),
    ],
)
def test_model_info_that_is_not_as_it_was_written(tmp_path, change):
    make(layer="conv1").fit(PHOTOS).save_model_info(tmp_path / "model.json")
    content = json.loads((tmp_path / "model.json").read_text())
    CNNEmbedding.from_model_info(tmp_path / "model.json")
    change(content)
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="must hold model information"):
        CNNEmbedding.from_model_info(tmp_path / "model.json")


@pytest.mark.parametrize("content", ["no JSON", "{}", '{"steps": [{"estimator": "HOG"}]}', '{"steps": 3}'])
def test_files_that_are_no_model_info(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ValueError, match="must hold model information"):
        CNNEmbedding.from_model_info(tmp_path / "model.json")


def test_extract_writes_model_info_and_goes_on_with_the_same_weights(folder, state_file, tmp_path):
    path, _ = state_file
    embedding, output = make(weights=path), tmp_path / "features"
    with joblib.parallel_config("threading", n_jobs=2):
        check_extract(embedding, folder, path, output)


def check_extract(embedding, folder, path, output):
    assert extract(embedding, folder, output, chunk_size=2, progress=False).ok == 3
    features = load_features(output)
    np.testing.assert_allclose(features, make(weights=path).fit_transform(PHOTOS), rtol=0, atol=1e-6)
    again = CNNEmbedding.from_model_info(output)
    np.testing.assert_array_equal(again.fit_transform(PHOTOS), embedding.fit_transform(PHOTOS))
    assert skimgfeat.jobs.verify(output) == []
    (output / "chunks" / "c-000001.parquet").unlink()
    (output / "manifest.json").unlink()
    torch.save(by_hand(seed=8).state_dict(), path)
    with pytest.raises(ValueError, match="another models"):
        extract(clone(embedding), folder, output, chunk_size=2, progress=False)


def test_clones_share_a_network(state_file):
    embedding = make(weights=state_file[0]).fit(PHOTOS)
    other = clone(embedding).fit(PHOTOS[:1])
    assert load_network(other._plan) is load_network(embedding._plan)


@pytest.mark.parametrize("given", ["file", "random"])
def test_a_process_keeps_the_last_eight(state_file, given):
    forget_networks()
    weights = state_file[0] if given == "file" else None
    layers = ["stage2.0", *(f"stage3.{n}" for n in range(8))]
    networks = [make(weights=weights, layer=layer).fit(PHOTOS)._network() for layer in layers]
    assert {id(network) for network in _network._kept.values()} == set(map(id, networks[1:]))


def test_threads_of_openvino_follow_n_jobs():
    pytest.importorskip("openvino")
    one, two = (make(backend="openvino", n_jobs=n_jobs).fit(PHOTOS) for n_jobs in (1, 2))
    assert one._network() is not two._network()
    assert hash_estimator(one) == hash_estimator(two)  # a run goes on with another n_jobs
    assert pickle.loads(pickle.dumps(one)).set_params(n_jobs=2)._network() is two._network()
    np.testing.assert_array_equal(one.transform(PHOTOS), two.transform(PHOTOS))


def test_threads_that_joblib_is_told_of_share_a_network(monkeypatch):
    pytest.importorskip("openvino")
    loaded, load = [], _network._load
    monkeypatch.setattr(_network, "_load", lambda plan, stored: (loaded.append(plan.n_threads), load(plan, stored))[1])
    with joblib.parallel_config("threading", n_jobs=3):
        make(backend="openvino", layer="conv1").fit(PHOTOS).transform(PHOTOS)
    assert loaded == [3]


def test_without_torch_the_rest_works(tmp_path):
    code = (
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': raise ModuleNotFoundError('No module named torch')\n"
        "sys.meta_path.insert(0, Blocker())\n"
        "import numpy as np\n"
        "from skimgfeat import CNNEmbedding, HOG\n"
        "images = np.zeros((2, 32, 32), dtype=np.uint8)\n"
        "HOG().fit_transform(images)\n"
        "try:\n    CNNEmbedding().fit(images)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    package = str(Path(skimgfeat.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": package}, capture_output=True, text=True, check=True
    )
    assert "pip install 'skimgfeat[cnn]'" in done.stdout
