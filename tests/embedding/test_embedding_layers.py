"""The layers of networks: what PyTorch's own hooks see there is what CNNEmbedding takes from there."""

import numpy as np
import pytest
from PIL import Image

from skimgfeat import CNNEmbedding

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

PHOTO = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def make(model, layer, **parameters):
    parameters = {"preprocessing": {"resize_size": 64, "crop_size": 64}, "backend": "torch"} | parameters
    return CNNEmbedding(model, None, layer=layer, **parameters)


def seen_by_hooks(name, modules, side=64):
    """What these modules of a model give for the photo, copied at once."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.get_model(name, weights=None).eval()
    seen = {}
    for module in modules:
        model.get_submodule(module).register_forward_hook(
            lambda _, inputs, output, module=module: seen.update({module: output.clone()})
        )
    transform = torchvision.transforms._presets.ImageClassification(crop_size=side, resize_size=side)
    with torch.inference_mode():
        model(transform(Image.fromarray(PHOTO))[None])
    return [seen[module] for module in modules]


def assert_close(rows, expected):
    assert rows.shape == expected.shape
    assert np.abs(rows - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("name", "layers"),
    [("resnet18", ["conv1", "bn1", "layer1"]), ("mobilenet_v2", ["features.0.1", "features.18"])],
)
@pytest.mark.parametrize("backend", ["torch", "openvino", "onnxruntime"])
def test_a_layer_before_one_that_works_in_place(name, layers, backend):
    """What follows the norms is a ReLU that overwrites what they give."""
    if backend != "torch":
        pytest.importorskip(backend)
    expected = torch.cat([maps.mean((2, 3)) for maps in seen_by_hooks(name, layers)], dim=1)
    assert_close(make(name, layers, backend=backend).fit_transform([PHOTO]), expected.numpy())


def test_several_nodes_of_which_one_gives_no_maps():
    with pytest.raises(ValueError, match="layer must be nodes that give maps, tokens or rows"):
        make("shufflenet_v2_x0_5", ["conv1", "stage2.1.chunk"]).fit([PHOTO])
