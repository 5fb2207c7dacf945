"""The layers of networks: what PyTorch's own hooks see there is what CNNEmbedding takes from there."""

import numpy as np
import pytest
from PIL import Image

from skimgfeat import CNNEmbedding
from skimgfeat.embedding._graph import _channel_axis, cut

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

PHOTO = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def make(model, layer, side=64, backend="torch"):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    preprocessing = {"resize_size": side, "crop_size": side, "interpolation": "bilinear", "mean": mean, "std": std}
    return CNNEmbedding(model, None, layer=layer, preprocessing=preprocessing, backend=backend)


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


@pytest.mark.parametrize(
    ("name", "layer", "side", "axes"),
    [
        ("swin_t", "features.3", 64, (1, 2)),
        ("swin_t", "permute", 64, (2, 3)),
        # Square whichever axis the channels are: (64, 64, 64).
        ("resnet18", "layer1", 256, (2, 3)),
        ("maxvit_t", "blocks.0", 224, (2, 3)),  # takes one size only
        ("alexnet", "avgpool", 64, (2, 3)),  # gives one size only
    ],
)
def test_maps_are_pooled_over_their_sides(name, layer, side, axes):
    (maps,) = seen_by_hooks(name, [layer], side)
    assert_close(make(name, layer, side).fit_transform([PHOTO]), maps.mean(axes).numpy())


def test_what_is_behind_a_layer_is_not_computed():
    part, names = cut("CNNEmbedding", torchvision.models.vit_b_32().eval(), ("conv_proj",), {})
    assert names == ("conv_proj",)
    assert {name for name, _ in part.named_children()} == {"conv_proj"}


def test_tokens_before_they_are_turned():
    """Behind "permute" tokens have their channels last, before it first, in a network that takes one size only."""
    before, behind = (make("vit_b_32", layer, 224).fit_transform([PHOTO]) for layer in ("reshape", "permute"))
    assert before.shape == (1, 768)
    assert_close(before, behind)


def test_maps_of_a_network_that_takes_one_size_have_their_channels_last():
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("swin_tiny_patch4_window7_224", pretrained=False).eval()
    seen = []
    model.layers[1].register_forward_hook(lambda _, inputs, output: seen.append(output.clone()))
    transform = torchvision.transforms._presets.ImageClassification(crop_size=224, resize_size=224)
    with torch.inference_mode():
        model(transform(Image.fromarray(PHOTO))[None])
    assert seen[0].shape[3] == 192
    rows = make("timm/swin_tiny_patch4_window7_224", "layers.1", 224).fit_transform([PHOTO])
    assert_close(rows, seen[0].mean((1, 2)).numpy())


@pytest.mark.parametrize(
    ("shape", "other", "axis"),
    [
        ((1, 8, 7, 7), (1, 8, 14, 14), 1),
        ((1, 7, 7, 8), (1, 14, 14, 8), 3),
        ((1, 8, 1, 2), (1, 8, 1, 4), 1),
        ((1, 8, 1, 2), (1, 8, 2, 2), None),
        ((1, 7, 7, 7), (1, 7, 7, 7), None),
        ((1, 8, 3, 4), (1, 8, 3, 4), None),
        ((1, 49, 8), (1, 196, 8), 2),
        ((1, 8, 49), (1, 8, 196), 1),
        ((1, 49, 8), (4, 49, 8), 2),
        ((1, 49, 49), (1, 196, 196), None),
        ((1, 8), (1, 8), 1),
    ],
)
def test_the_axis_of_the_channels(shape, other, axis):
    if axis is not None:
        assert _channel_axis("CNNEmbedding", "node", shape, other) == axis
    else:
        with pytest.raises(ValueError, match=r"CNNEmbedding: layer 'node' .* pooling='flatten', or a node behind it"):
            _channel_axis("CNNEmbedding", "node", shape, other)
