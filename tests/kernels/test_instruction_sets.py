"""The copies of the kernels, one for each instruction set, give the same numbers to the last bit."""

import os
import subprocess
import sys

import pytest

from skimgfeat.kernels import instruction_set

SCRIPT = """
import hashlib, warnings
import numpy as np
from skimgfeat import HOG, ColorGrid, HandcraftedFeatures, PatchFeatures
from skimgfeat.kernels import instruction_set

rng = np.random.default_rng(0)
digest = hashlib.sha256()
for rows, cols in [(28, 28), (33, 47), (20, 90)]:
    images = rng.integers(0, 256, (6, rows, cols), dtype=np.uint8)
    images[rng.random(images.shape) < 0.5] = 0
    for batch in (images, images.astype(np.float64) / 255):
        digest.update(HandcraftedFeatures(threshold="otsu").fit_transform(batch))
        for signed in (False, True):
            for interpolate in (False, True):
                hog = HOG(orientations=11, pixels_per_cell=(5, 6), signed=signed, interpolate=interpolate)
                digest.update(hog.fit_transform(batch))
    colors = rng.random((3, rows, cols, 3))
    digest.update(HOG(pixels_per_cell=(4, 4)).fit_transform(colors))
    for batch in (colors, rng.integers(0, 256, (3, rows, cols, 3), dtype=np.uint8)):
        for space in ("lab", "hsv", "rgb"):
            digest.update(ColorGrid(space, grid=(3, 5)).fit_transform(batch))
        for encoding in ("soft_threshold", "triangle"):
            patches = PatchFeatures(77, dictionary="random", encoding=encoding, max_patches=200, random_state=0)
            digest.update(patches.fit_transform(batch))
print(instruction_set, digest.hexdigest())
"""


def run(name, folder):
    """Run the script away from the sources, so that it imports the package that the tests import."""
    environment = {**os.environ, "SKIMGFEAT_INSTRUCTION_SET": name}
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.skipif(instruction_set == "reference", reason="the compiled kernels are not installed")
def test_instruction_sets_agree_bit_for_bit(tmp_path):
    digests = {}
    for name in ("baseline", "avx2", "avx512"):
        result = run(name, tmp_path)
        if result.returncode == 0:
            used, digest = result.stdout.split()
            assert used == name
            digests[name] = digest
        else:
            assert f"SKIMGFEAT_INSTRUCTION_SET={name} is not available here" in result.stderr
    assert "baseline" in digests
    assert len(set(digests.values())) == 1, digests


@pytest.mark.skipif(instruction_set == "reference", reason="the compiled kernels are not installed")
def test_unknown_instruction_set_is_refused(tmp_path):
    result = run("sse9", tmp_path)
    assert result.returncode != 0
    assert "sse9" in result.stderr
