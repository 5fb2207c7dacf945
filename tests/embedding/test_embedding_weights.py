"""Weights: which file is read, what may be in it, how it is found again, and how its images are prepared."""

import hashlib
import pickle

import numpy as np
import pytest
from PIL import Image

from skimgfeat import CNNEmbedding
from skimgfeat.embedding import _network
from skimgfeat.embedding._graph import cut

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

MODEL = "shufflenet_v2_x0_5"
PHOTOS = [np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)]
PREPROCESSING = {"resize_size": 40, "crop_size": 32}


def make(weights, model=MODEL, **parameters):
    return CNNEmbedding(model, weights, **{"backend": "torch", "preprocessing": PREPROCESSING} | parameters)


def state_of(seed, model=MODEL):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torchvision.models.get_model(model, weights=None).state_dict()


def rows_of(seed):
    """The rows of random weights, which need no file."""
    return make(None, random_state=seed).fit_transform(PHOTOS)


@pytest.fixture(autouse=True)
def _forget_networks():
    _network._kept.clear()


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Put weights where torch.hub would have downloaded those of a member to, and return the path."""

    def put(member, seed, model=MODEL, home="hub", digits=None):
        state = tmp_path / "state.pth"
        torch.save(state_of(seed, model), state)
        digits = digits or hashlib.sha256(state.read_bytes()).hexdigest()[:8]
        path = tmp_path / home / "hub" / "checkpoints" / f"{model}-{digits}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        state.rename(path)
        monkeypatch.setattr(member.value, "url", f"http://127.0.0.1:9/{path.name}")
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / home))
        return path

    return put


# --- Published weights


def test_a_file_of_published_weights_has_their_preset(publish):
    """Of MobileNetV2 there are two: 256 and 232 pixels before the crop."""
    member = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1
    path = publish(member, 3, "mobilenet_v2")
    by_name = make("IMAGENET1K_V1", "mobilenet_v2", preprocessing=None, layer="features.1").fit(PHOTOS)
    by_path = make(path, "mobilenet_v2", preprocessing=None, layer="features.1").fit(PHOTOS)
    assert by_name.preprocessing_["resize_size"] == member.transforms().resize_size[0] == 256
    np.testing.assert_array_equal(by_path.transform(PHOTOS), by_name.transform(PHOTOS))
    torch.save(state_of(4, "mobilenet_v2"), path)  # others under its name, fine-tuned perhaps
    other = make(path, "mobilenet_v2", preprocessing=None, layer="features.1").fit(PHOTOS)
    default = torchvision.models.MobileNet_V2_Weights.DEFAULT.transforms()
    assert other.preprocessing_["resize_size"] == default.resize_size[0] == 232


def test_a_download_that_is_not_what_its_name_says(publish):
    path = publish(torchvision.models.ShuffleNet_V2_X0_5_Weights.DEFAULT, 3, digits="0123456789")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=rf"{path.name}' is damaged .* SHA-256 is {sha256}.* Delete it"):
        make("DEFAULT").fit(PHOTOS)


def test_published_weights_are_found_where_downloads_are_now(publish, tmp_path, monkeypatch):
    path = publish(torchvision.models.ShuffleNet_V2_X0_5_Weights.DEFAULT, 3, home="a")
    data = pickle.dumps(make("DEFAULT").fit(PHOTOS))
    assert str(tmp_path).encode() not in data
    _network._kept.clear()
    moved = tmp_path / "b" / "hub" / "checkpoints" / path.name
    moved.parent.mkdir(parents=True)
    path.rename(moved)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "b"))
    np.testing.assert_array_equal(pickle.loads(data).transform(PHOTOS), rows_of(3))
    _network._kept.clear()
    moved.rename(tmp_path / "elsewhere.pth")
    embedding = pickle.loads(data).set_params(weights=tmp_path / "elsewhere.pth")
    np.testing.assert_array_equal(embedding.transform(PHOTOS), rows_of(3))


def test_a_file_that_has_moved_is_found_by_its_hash(tmp_path):
    torch.save(state_of(3), tmp_path / "weights.pth")
    data = pickle.dumps(make(tmp_path / "weights.pth").fit(PHOTOS))
    _network._kept.clear()
    (tmp_path / "weights.pth").rename(tmp_path / "moved.pth")
    embedding = pickle.loads(data)
    with pytest.raises(FileNotFoundError, match="give weights the path"):
        embedding.transform(PHOTOS)
    embedding.set_params(weights=tmp_path / "moved.pth")
    np.testing.assert_array_equal(embedding.transform(PHOTOS), rows_of(3))
    _network._kept.clear()
    torch.save(state_of(4), tmp_path / "moved.pth")
    with pytest.raises(ValueError, match="not the ones that are asked for"):
        embedding.transform(PHOTOS)


# --- Checkpoints


def under(prefix, state):
    return {f"{prefix}{name}": values for name, values in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"net": state, "epoch": 3},
        lambda state: {"model_ema": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        lambda state: state | {5: torch.zeros(2)},
        lambda state: under("model.", state) | {"model.other.conv1.0.weight": torch.zeros(3)},
        lambda state: under("model.", state) | under("model.ema.", state_of(4)),
        lambda state: state | under("ema.", state_of(4)),
    ],
)
def test_the_weights_in_a_checkpoint(tmp_path, wrap):
    torch.save(wrap(state_of(3)), tmp_path / "weights.pth")
    np.testing.assert_array_equal(make(tmp_path / "weights.pth").fit_transform(PHOTOS), rows_of(3))


def test_a_prefix_where_other_layers_end_alike(tmp_path):
    """What comes before the first norm of a ResNet is called as in its blocks."""
    torch.save(under("module.", state_of(3, "resnet18")), tmp_path / "weights.pth")
    parameters = {"model": "resnet18", "layer": "bn1"}
    rows = make(tmp_path / "weights.pth", **parameters).fit_transform(PHOTOS)
    np.testing.assert_array_equal(rows, make(None, random_state=3, **parameters).fit_transform(PHOTOS))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            lambda: under("model.", state_of(3)) | under("ema.", state_of(4)),
            r"weights of one network, got several, whose names begin with \['ema\.', 'model\.'\]; save",
        ),
        (lambda: {"g": state_of(3), "d": state_of(4)}, r"got dicts of tensors under \['g', 'd'\]; save the right one"),
        (lambda: {"epoch": 3, "args": {}}, r"must hold a state_dict, .* got a dict of \['epoch', 'args'\]\."),
        (lambda: {5: torch.zeros(2)}, r"must hold a state_dict, .* got a dict of \[5\]\."),
        (lambda: {"state_dict": state_of(3), "best": np.float64(0.7)}, r"got a numpy\.\w+\.multiarray\.scalar\."),
        (lambda: torch.nn.ReLU(), r"got a torch\.nn\.modules\.activation\.ReLU\."),
        (
            lambda: {name: values * np.nan if "conv5" in name else values for name, values in state_of(3).items()},
            "must hold finite weights, got NaN or infinities in 'conv5.0.weight'",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")  # what torch says of modules that are saved whole
def test_checkpoints_that_are_refused(tmp_path, content, message):
    torch.save(content(), tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=rf"^CNNEmbedding: .*{message}") as caught:
        make(tmp_path / "weights.pth").fit(PHOTOS)
    assert "\x1b" not in str(caught.value)
    assert "weights.pth" in str(caught.value)


@pytest.mark.parametrize(("data", "message"), [(b"", "an empty file"), (b"no weights", "no file of torch.save")])
def test_files_that_torch_has_not_written(tmp_path, data, message):
    (tmp_path / "weights.pth").write_bytes(data)
    with pytest.raises(ValueError, match=rf"writes them, got {message}\.$"):
        make(tmp_path / "weights.pth").fit(PHOTOS)


# --- timm


@pytest.mark.parametrize("name", ["convnext_base.fb_in22k_ft_in1k_384", "resnet18.a1_in1k"])
def test_timm_models_get_the_pixels_that_timm_gives_them(name):
    """The first one's images are squashed, the other's keep their sides' ratio."""
    timm = pytest.importorskip("timm")
    from timm.data import create_transform

    from skimgfeat.embedding._models import published_preparation
    from skimgfeat.embedding._preparation import check_preparation

    config = timm.get_pretrained_cfg(name)
    transform = create_transform(
        config.input_size,
        interpolation=config.interpolation,
        crop_pct=config.crop_pct,
        crop_mode=config.crop_mode,
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    image = np.random.default_rng(1).integers(0, 256, (300, 600, 3), dtype=np.uint8)
    expected = np.rint(transform(Image.fromarray(image)).permute(1, 2, 0).numpy() * 255)
    published = published_preparation("CNNEmbedding", f"timm/{name}", "")
    np.testing.assert_array_equal(check_preparation("CNNEmbedding", published, None)(image), expected)


def test_timm_models_that_pad_are_refused():
    timm = pytest.importorskip("timm")
    name = next((name for name in timm.list_pretrained() if timm.get_pretrained_cfg(name).crop_mode == "border"), None)
    if name is None:
        pytest.skip("this timm has no such model")
    with pytest.raises(ValueError, match="crop_mode='border'; take another one"):
        make(None, f"timm/{name}", preprocessing=None).fit(PHOTOS)


def test_a_tag_that_timm_does_not_know():
    pytest.importorskip("timm")
    with pytest.raises(ValueError, match=r"^CNNEmbedding: model must be 'resnet18' or one of .*resnet18\.a1_in1k"):
        make(None, "timm/resnet18.nothing").fit(PHOTOS)


def test_a_model_of_which_timm_has_functions_that_are_not_traced():
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("mobilevit_xxs", pretrained=False).eval()
    preprocessing = {
        "resize_size": 64,
        "crop_size": 64,
        "interpolation": "bilinear",
        "mean": (0, 0, 0),
        "std": (1,) * 3,
    }
    transform = torchvision.transforms._presets.ImageClassification(
        crop_size=64, resize_size=64, mean=(0, 0, 0), std=(1, 1, 1)
    )
    with torch.inference_mode():
        expected = model.forward_features(transform(Image.fromarray(PHOTOS[0]))[None]).mean((2, 3)).numpy()
    rows = make(None, "timm/mobilevit_xxs", preprocessing=preprocessing).fit_transform(PHOTOS)
    assert np.abs(rows - expected).max() <= 1e-5 * np.abs(expected).max()


class Fickle(torch.nn.Module):
    def forward(self, images):
        return images if images.sum() > 0 else -images


def test_a_model_that_cannot_be_traced():
    with pytest.raises(ValueError, match=r"^CNNEmbedding: model must be one that torch\.fx .*Fickle.*take another"):
        cut("CNNEmbedding", Fickle(), None, {})
