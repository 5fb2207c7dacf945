"""Arrays in, arrays out: the compiled kernels, or their readable definitions where the extension was not built."""

import warnings

try:
    from skimgfeat.kernels._kernels import color_grid, handcrafted, hog, instruction_set, patch_features
except ModuleNotFoundError:
    from skimgfeat.kernels.reference import color_grid, handcrafted, hog, patch_features

    instruction_set = "reference"
    warnings.warn(
        "skimgfeat runs without its compiled kernels: results are the same, tens to hundreds of times slower. "
        "Install a C++ compiler and reinstall skimgfeat to build them.",
        RuntimeWarning,
        stacklevel=2,
    )

__all__ = ["color_grid", "handcrafted", "hog", "instruction_set", "patch_features"]
