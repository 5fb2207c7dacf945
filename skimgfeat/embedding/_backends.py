"""What computes a network: torch, OpenVINO or ONNX Runtime."""

import io
import warnings

import numpy as np

from skimgfeat._images import scaled_batch
from skimgfeat.embedding._libraries import import_onnx, import_onnxruntime, import_openvino, is_installed

BACKENDS = ("torch", "openvino", "onnxruntime")
PRECISIONS = ("float32", "bfloat16", "float16")
# Beside torch, the quickest first.
_QUICKEST = ("openvino", "onnxruntime")
_OPENVINO_TYPES = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
# How far from torch's a row may be, as a part of its largest value.
_TOLERANCE = 1e-4
# What exporting and compiling raise for an operation or a precision that is not there, importing for what is missing.
_CANNOT = (RuntimeError, ValueError, TypeError, NotImplementedError, ImportError)


def to_floats(images, out=None):
    """Return images as float32 in which 1 is the full scale; in ``out``, where that is given."""
    batch, scale = scaled_batch(images)
    return np.divide(batch, np.float32(scale), out=out, dtype=np.float32)


class TorchBackend:
    """torch, on any device.

    On a CPU, one image after the other, which is quicker than together: what it computes on stays in the cache. And so
    no row depends on another.
    """

    def __init__(self, module, precision, device):
        import torch

        self._torch = torch
        self._device = torch.device(device)
        module.dtype = getattr(torch, precision)
        module.part.to(module.dtype)
        self._module = module.to(self._device)

    @property
    def is_cpu(self):
        return self._device.type == "cpu"

    def __call__(self, images, out):
        """Fill rows from images, (n, rows, cols, 3)."""
        size = 1 if self.is_cpu else len(images)
        with self._torch.inference_mode(), self._torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            for start in range(0, len(images), size):
                batch = self._to_device(images[start : start + size])
                out[start : start + size] = self._module(batch).cpu().numpy()

    def _to_device(self, images):
        if self.is_cpu:
            return self._torch.from_numpy(to_floats(images))
        # Bytes travel, from memory that the device reads by itself, and become floats there.
        batch, scale = scaled_batch(images if images.dtype == np.uint8 else to_floats(images))
        tensor = self._torch.from_numpy(batch)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True).float() / scale


class OpenVINOBackend:
    """OpenVINO, on the CPU, one image after the other; as many at once as ``n_threads``, a thread each."""

    def __init__(self, owner, module, shape, precision, n_threads):
        openvino = import_openvino(owner)
        core = openvino.Core()
        model = core.read_model(_export(owner, "openvino", module, shape))
        settings = {
            # It would take bfloat16 by itself where the processor has it.
            "INFERENCE_PRECISION_HINT": _OPENVINO_TYPES[precision],
            "INFERENCE_NUM_THREADS": n_threads,
            "NUM_STREAMS": n_threads,
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = core.compile_model(model, "CPU", settings)
        used = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if used != _OPENVINO_TYPES[precision]:
            raise ValueError(
                f"{owner}: precision must be one that OpenVINO computes in on this processor: it takes {used} for "
                f"{precision!r}; choose another, or backend='torch'."
            )

    def __call__(self, images, out):
        """Fill rows from images, (n, rows, cols, 3)."""
        request = self._compiled.create_infer_request()
        # Written where OpenVINO reads it: new memory and a copy take a twentieth of a small network's time.
        image = request.get_input_tensor().data[0]
        for index in range(len(images)):
            to_floats(images[index], out=image)
            request.infer()
            out[index] = request.get_output_tensor().data[0]


class OnnxBackend:
    """ONNX Runtime, on the CPU, one image after the other, on the thread of the caller."""

    def __init__(self, owner, module, shape, precision):
        onnxruntime = import_onnxruntime(owner)
        if precision != "float32":
            raise ValueError(
                f"{owner}: precision must be 'float32' with backend='onnxruntime', got {precision!r}; torch and "
                "openvino compute in others."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        data = _export(owner, "onnxruntime", module, shape)
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        (self._input,) = (node.name for node in self._session.get_inputs())

    def __call__(self, images, out):
        """Fill rows from images, (n, rows, cols, 3)."""
        image = np.empty((1, *images.shape[1:]), dtype=np.float32)
        for index in range(len(images)):
            to_floats(images[index], out=image[0])
            out[index] = self._session.run(None, {self._input: image})[0][0]


def _export(owner, backend, module, shape):
    """Return a module for one image as bytes of ONNX, which all but torch itself read.

    By torch's older exporter: what follows it takes ten times as long, and a process that loads a network waits for it.
    """
    import torch

    import_onnx(owner, backend)
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is the older one, and what torch calls deprecated in itself
        torch.onnx.export(module, (torch.zeros(1, *shape),), data, dynamo=False)  # type: ignore[arg-type]
    return data.getvalue()


def make_backend(owner, name, module, shape, precision, device, n_threads):
    """Return what computes a module for images of a shape (rows, cols, 3)."""
    if name == "openvino":
        return OpenVINOBackend(owner, module, shape, precision, n_threads)
    if name == "onnxruntime":
        return OnnxBackend(owner, module, shape, precision)
    return TorchBackend(module, precision, device)


def choose_backend(owner, module, shape, precision, device, n_threads):
    """Return the quickest backend that is installed, works, and gives torch's rows within 1e-4, and its name.

    They are compared in float32: in rounder numbers, every backend differs from every other.
    """
    import torch

    if device == "cpu":
        probe = np.random.default_rng(0).integers(0, 256, (1, *shape), dtype=np.uint8)
        with torch.inference_mode():
            expected = module(torch.from_numpy(to_floats(probe))).numpy()
        for name in _QUICKEST:
            if not is_installed(name):
                continue
            try:
                exact = make_backend(owner, name, module, shape, "float32", device, n_threads)
                if not _are_equal(exact, probe, expected):
                    continue
                if precision == "float32":
                    return exact, name
                return make_backend(owner, name, module, shape, precision, device, n_threads), name
            except _CANNOT:
                continue
    return TorchBackend(module, precision, device), "torch"


def _are_equal(backend, images, expected):
    found = np.empty_like(expected)
    backend(images, found)
    return np.abs(found - expected).max() <= _TOLERANCE * np.abs(expected).max()
