"""From a model to the network that gives rows: cut off behind the layers that are asked for, pooled, joined."""

from copy import deepcopy
from difflib import get_close_matches
from functools import partial

POOLINGS = ("avg", "max", "gem", "flatten", "none")
# The exponent of generalized mean pooling, and what keeps its root from 0: as in the paper's code.
_GEM_POWER, _GEM_LEAST = 3.0, 1e-6
# Between the last feature map and the classifier: pooling is for the parameter of that name.
_PASSED_MODULES = {"AdaptiveAvgPool2d", "Dropout", "Flatten", "Identity"}
_PASSED_FUNCTIONS = {"adaptive_avg_pool2d", "dropout", "flatten"}
# What networks raise for an image of a size that they do not take, and for one that stands for all.
_NOT_TAKEN = (AssertionError, RuntimeError, TypeError, ValueError)
_WEIGHTED = {"Linear", "Conv2d", "linear", "conv2d"}


def cut(owner, model, layers, options):
    """Return the part of a model that gives some layers, and the names of these.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode.
    layers : tuple of str or None
        Names as torchvision's ``get_graph_node_names`` gives them, or of modules, whose last node counts. None is what
        the last layer with weights, the classifier, makes its classes of, before it is pooled.
    options : dict
        Of the tracer.

    Returns
    -------
    part : torch.fx.GraphModule
        Gives a tuple of tensors; its weights are called as the model's, and are only those that it uses.
    names : tuple of str
    """
    import torch
    from torch.fx import GraphModule
    from torchvision.models.feature_extraction import NodePathTracer

    tracer = NodePathTracer(**options)
    try:
        graph = tracer.trace(model)
    except _NOT_TAKEN as error:
        raise ValueError(
            f"{owner}: model must be one that torch.fx can trace, got one of class {type(model).__name__}, of which it "
            f"says: {error}; take another one."
        ) from error
    names = tracer.node_to_qualname
    if layers is None:
        chosen = [_before_classifier(model, graph)]
    else:
        chosen = [_find_node(owner, names, layer) for layer in layers]
    found = tuple(names[node] for node in chosen)
    for node in reversed(graph.nodes):
        if node in chosen:
            break
        # An assertion would keep what it is about, and all before that, behind the layers.
        if node.op == "output" or node.target is torch._assert:
            graph.erase_node(node)
    graph.output(tuple(chosen))
    part = GraphModule(model, graph)
    part.graph.eliminate_dead_code()
    part.delete_all_unused_submodules()
    part.recompile()
    return part, found


def _find_node(owner, names, layer):
    """Return the last node that is called so, or that belongs to the module that is."""
    found = [node for node, name in names.items() if name == layer or name.startswith(f"{layer}.")]
    if not found:
        near = get_close_matches(layer, names.values(), n=4, cutoff=0.4)
        raise ValueError(
            f"{owner}: layer must be one or several of the {len(names)} nodes that get_graph_node_names of "
            f"torchvision.models.feature_extraction gives, such as {near or list(names.values())[-4:]}, got {layer!r}."
        )
    return found[-1]


def _before_classifier(model, graph):
    """Return the node that the last layer with weights is fed by, before pooling, flattening and dropout."""
    modules = dict(model.named_modules())
    last = [node for node in graph.nodes if _kind(node, modules) in _WEIGHTED][-1]
    node = last.args[0]
    while _is_passed(node, modules):
        node = node.args[0]
    return node


def _kind(node, modules):
    """Return the class of the module, or the name of the function, that a node calls."""
    if node.op == "call_module":
        return type(modules[node.target]).__name__
    return getattr(node.target, "__name__", str(node.target))


def _is_passed(node, modules):
    kind = _kind(node, modules)
    if node.op == "call_module":
        return kind in _PASSED_MODULES
    if kind == "mean":
        return tuple(node.args[1:2] and node.args[1]) in ((2, 3), (-2, -1))
    return kind in _PASSED_FUNCTIONS


def make_embedding(part, pooling, preparation):
    """Return the module from images, (n, rows, cols, 3) in [0, 1], to rows; convolutions have their norms in them."""
    import torch
    from torch.fx.experimental.optimization import fuse

    class Embedding(torch.nn.Module):
        channel_axes: tuple = ()  # of each layer, as find_channel_axes tells

        def __init__(self):
            super().__init__()
            self.part = _copy_layers(fuse(part, no_trace=True))
            self.register_buffer("color_mean", torch.tensor(preparation.mean))
            self.register_buffer("color_std", torch.tensor(preparation.std))
            self.dtype = torch.float32

        def layers(self, images):
            # Seen with channels first and kept with channels last, which is quickest.
            return self.part(((images - self.color_mean) / self.color_std).permute(0, 3, 1, 2).to(self.dtype))

        def join(self, layers):
            rows = [
                _pool(values.float(), pooling, axis) for values, axis in zip(layers, self.channel_axes, strict=True)
            ]
            return rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)

        def forward(self, images):
            return self.join(self.layers(images))

    embedding = Embedding().eval().requires_grad_(False)
    for values in (*embedding.parameters(), *embedding.buffers()):
        if values.ndim == 4:
            values.data = values.contiguous(memory_format=torch.channels_last)
    return embedding


def _copy_layers(part):
    """Let a part give copies of its layers where these are several: what follows one may work in place."""
    (output,) = part.graph.find_nodes(op="output")
    layers = output.args[0]
    if len(layers) > 1:
        for node in layers:
            with part.graph.inserting_after(node):
                output.replace_input_with(node, part.graph.call_function(_copy, (node,)))
        part.recompile()
    return part


def _copy(values):
    return values.clone() if hasattr(values, "clone") else values


def find_channel_axes(owner, part, layers, names, crop_size):
    """Return the axis of the channels in each layer of a part: maps have them first or, as Swin's, last.

    An image of twice the size changes the other axes. Where it changes nothing, or the network takes one size only, the
    sides of square maps are as long as each other, and tokens have their channels last.

    Parameters
    ----------
    layers : tuple of tensors
        What the layers give for an image.
    names : tuple of str
        How they are called.
    crop_size : (rows, cols)
        Of the image.
    """
    shapes = [tuple(values.shape) for values in layers]
    others = shapes
    if max(map(len, shapes)) > 2:
        others = _shapes_at(part, 2 * crop_size[0], 2 * crop_size[1]) or shapes
    return tuple(map(partial(_channel_axis, owner), names, shapes, others))


def _channel_axis(owner, name, shape, other):
    """Return the axis of the channels in a layer of a shape, which is another for a larger image."""
    if len(shape) == 2:
        return 1
    last = len(shape) - 1
    changed = [axis for axis in range(1, len(shape)) if shape[axis] != other[axis]]
    if changed:
        found = [axis for axis in (1, last) if axis not in changed]
    elif len(shape) == 3:
        found = [last]
    else:
        found = [axis for axis, side in ((1, 3), (last, 1)) if shape[side] == shape[2]]
    if len(found) != 1:
        raise ValueError(
            f"{owner}: layer {name!r} gives an array of shape {shape[1:]} for an image, and which of its axes is that "
            "of the channels cannot be told; take pooling='flatten', or a node behind it, such as one called permute."
        )
    return found[0]


def _shapes_at(part, rows, cols):
    """Return the shapes of a part's layers for an image of a size, None where it does not take that.

    On torch's device "meta", where nothing is computed. Assertions do not count: up to a layer, a network may well take
    another size than its own.
    """
    import torch

    graph = deepcopy(part.graph)
    for node in graph.find_nodes(op="call_function", target=torch._assert):
        graph.erase_node(node)
    part = torch.fx.GraphModule(part, graph)

    class Forward(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.part = part

        def forward(self, images):
            return self.part.forward(images)  # what torch.fx calls in its place prints what goes wrong

    module = Forward()
    state = {name: values.to("meta") for name, values in (*module.named_parameters(), *module.named_buffers())}
    try:
        layers = torch.func.functional_call(module, state, (torch.empty((1, 3, rows, cols), device="meta"),))
    except _NOT_TAKEN:
        return None
    return [tuple(values.shape) for values in layers]


def _pool(values, pooling, channel_axis):
    """Return the rows of a layer: of maps, (n, channels, rows, cols) or with channels last, of tokens, or of rows."""
    if values.ndim == 2 or pooling == "none":
        return values
    if pooling == "flatten":
        return values.flatten(1)
    dims = tuple(axis for axis in range(1, values.ndim) if axis != channel_axis)
    if pooling == "avg":
        return values.mean(dims)
    if pooling == "max":
        return values.amax(dims)
    return values.clamp(min=_GEM_LEAST).pow(_GEM_POWER).mean(dims).pow(1 / _GEM_POWER)
