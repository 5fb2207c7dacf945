"""PatchFeatures beside its definition in NumPy, with scikit-learn's patches, PCA and k-means."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage import data
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skimgfeat import FailedImagesWarning, ImageCollection, PatchFeatures
from skimgfeat.io import ImageError
from skimgfeat.kernels import reference


@pytest.fixture(scope="module")
def photos():
    """Pieces of photos, a few with smooth areas."""
    photo = data.astronaut()
    return np.stack([photo[top : top + 19, left : left + 23] for top in (0, 90, 300) for left in (30, 180, 400)])


def all_patches(image, size, step):
    """Patches by scikit-learn, raveled (row, col, channel), at their places: (rows, cols, values)."""
    rows, cols = image.shape[0] - size[0] + 1, image.shape[1] - size[1] + 1
    return extract_patches_2d(image, size).reshape(rows, cols, -1)[::step, ::step]


def normalize(patches, reg_contrast):
    if reg_contrast is None:
        return patches
    centered = patches - patches.mean(axis=-1, keepdims=True)
    return centered / np.sqrt(patches.var(axis=-1, keepdims=True) + reg_contrast)


def definition(fitted, image):
    """The row of an image of [0, 1], from what the estimator learned."""
    patches = normalize(all_patches(image, fitted.patch_size, fitted.step), fitted.reg_contrast)
    whitened = (patches - fitted.mean_) @ fitted.whitening_
    if fitted.encoding == "soft_threshold":
        scores = whitened @ fitted.atoms_.T
        code = np.maximum(np.concatenate([scores, -scores], axis=-1) - fitted.threshold, 0)
    else:
        distances = np.linalg.norm(whitened[:, :, None] - fitted.atoms_, axis=-1)
        code = np.maximum(distances.mean(axis=-1, keepdims=True) - distances, 0)
    bounds = [
        [i * length // count for i in range(count + 1)]
        for length, count in zip(code.shape, fitted.pooling, strict=False)
    ]
    return np.concatenate(
        [
            code[top:bottom, left:right].mean(axis=(0, 1))
            for top, bottom in zip(bounds[0], bounds[0][1:], strict=False)
            for left, right in zip(bounds[1], bounds[1][1:], strict=False)
        ]
    )


SETTINGS = [
    {},
    {"encoding": "triangle"},
    {"patch_size": (3, 7), "pooling": (1, 3)},
    {"step": 2, "threshold": 0, "pooling": (3, 2)},
    {"reg_contrast": None, "n_atoms": 1},
    {"reg_contrast": None, "reg_whiten": None, "encoding": "triangle"},
    {"dictionary": "random", "n_atoms": 129, "reg_whiten": 0.01},
    {"dictionary": "random", "encoding": "triangle", "step": 3, "n_atoms": 97},
]


@pytest.mark.parametrize("channels", [0, 1, 2, 3])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_is_its_definition(photos, settings, channels):
    images = photos[..., :channels] if channels else photos[..., 1]
    patches = PatchFeatures(**{"n_atoms": 20, "max_patches": 1000, "random_state": 0} | settings)
    rows = patches.fit_transform(images)
    for image, row in zip(images, rows, strict=True):
        pixels = (image / np.float32(255)).astype(float)
        expected = definition(patches, pixels if channels else pixels[..., None])
        assert_allclose(row, expected, rtol=1e-4, atol=rounding(patches.encoding))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("encoding", ["soft_threshold", "triangle"])
@pytest.mark.parametrize("n_atoms", [1, 31, 64, 150])
def test_the_kernel_is_the_reference(photos, n_atoms, encoding, dtype):
    images = photos.astype(dtype) * {"uint8": 1, "uint16": 257}.get(np.dtype(dtype).name, dtype(1) / dtype(255))
    images, scale = images.astype(dtype), {"uint8": 255.0, "uint16": 65535.0}.get(np.dtype(dtype).name, 1.0)
    patches = PatchFeatures(n_atoms, dictionary="random", encoding=encoding, max_patches=500, random_state=0)
    rows = patches.fit_transform(images)
    expected = np.empty_like(rows)
    learned = {"weights": patches._weights, "offsets": patches._offsets, "norms": patches._norms}
    given = {"threshold": 0.25, "contrast": 0.01, "patch_size": (6, 6), "step": 1, "pooling": (2, 2)}
    reference.patch_features(images, expected, scale=scale, **learned, **given)
    assert_allclose(rows, expected, rtol=1e-4, atol=rounding(encoding))


def rounding(encoding):
    """How far float32 goes astray: at distance 0, where an atom is a patch of the image, squares cancel."""
    return 1e-5 if encoding == "soft_threshold" else 5e-3


def learn_by_hand(images, patch_size, reg_contrast, reg_whiten):
    """Mean, whitening matrix and whitened patches of all patches, with scikit-learn's PCA."""
    pixels = images.astype(np.float32) / np.float32(255)
    patches = np.concatenate([np.concatenate(all_patches(image, patch_size, 1)) for image in pixels])
    patches = normalize(patches.astype(float), reg_contrast)
    pca = PCA(svd_solver="full").fit(patches)
    variances = pca.explained_variance_ * (len(patches) - 1) / len(patches)
    whitening = pca.components_.T / np.sqrt(variances + reg_whiten) @ pca.components_
    return pca.mean_, whitening, (patches - pca.mean_) @ whitening


def test_whitening_is_that_of_scikit_learns_components(photos):
    """Of all patches, so that the choice of them does not matter."""
    patches = PatchFeatures(5, (3, 4), reg_contrast=0.01, reg_whiten=0.2, random_state=0).fit(photos)
    mean, whitening, _ = learn_by_hand(photos, (3, 4), 0.01, 0.2)
    assert_allclose(patches.mean_, mean, atol=1e-6)
    assert_allclose(patches.whitening_, whitening, atol=1e-4)
    assert_allclose(patches.whitening_, patches.whitening_.T)


def test_atoms_are_centers_of_k_means(photos):
    """As good a clustering as scikit-learn's of the same patches, whose order is another."""
    settings = {"reg_contrast": 0.01, "reg_whiten": 0.2}
    patches = PatchFeatures(6, (3, 4), encoding="triangle", random_state=0, **settings).fit(photos)
    *_, whitened = learn_by_hand(photos, (3, 4), 0.01, 0.2)
    inertia = -MiniBatchKMeans(6, n_init=5, random_state=0).fit(whitened).score(whitened)
    distances = np.square(whitened[:, None] - patches.atoms_).sum(axis=-1)
    assert distances.min(axis=1).sum() < 1.1 * inertia
    unit = PatchFeatures(6, (3, 4), random_state=0, **settings).fit(photos)
    assert_allclose(unit.atoms_, patches.atoms_ / np.linalg.norm(patches.atoms_, axis=1, keepdims=True))


def test_random_atoms_are_whitened_patches(photos):
    patches = PatchFeatures(9, (3, 4), dictionary="random", encoding="triangle", reg_contrast=0.01, reg_whiten=0.2)
    patches.set_params(random_state=3).fit(photos)
    *_, whitened = learn_by_hand(photos, (3, 4), 0.01, 0.2)
    distances = np.linalg.norm(whitened[:, None] - patches.atoms_, axis=-1)
    assert distances.min(axis=0).max() < 1e-3
    assert len(np.unique(distances.argmin(axis=0))) == 9


@pytest.mark.parametrize("channels", [(), (1,), (2,)])
def test_patches_are_learned_as_they_lie(channels):
    """Stripes along the columns, so that a patch shows which way it was cut: every row of it has one value."""
    stripes = np.random.default_rng(0).random((30, 9, 1, *channels))
    images = np.broadcast_to(stripes, (30, 9, 11, *channels))
    as_they_are = {"reg_contrast": None, "reg_whiten": None, "encoding": "triangle", "dictionary": "random"}
    patches = PatchFeatures(5, (2, 3), **as_they_are, random_state=0).fit(images)
    learned = (patches.atoms_ + patches.mean_).reshape(5, 2, 3, *channels)
    assert_allclose(learned - learned[:, :, :1], 0, atol=1e-6)
    assert np.ptp(learned, axis=1).min() > 0


def test_the_choice_of_patches_repeats(photos):
    first, second, third = (
        PatchFeatures(7, max_patches=100, random_state=state).fit(photos).atoms_ for state in (1, 1, 2)
    )
    assert_array_equal(first, second)
    assert not np.allclose(first, third)


def test_a_gray_patch_scores_what_the_mean_patch_leaves():
    """An image of one color: each patch is normalized to 0, whatever its brightness."""
    random = np.random.default_rng(0)
    patches = PatchFeatures(4, (2, 2), pooling=(1, 1), threshold=0, random_state=0).fit(random.random((5, 9, 9)))
    flat = np.repeat([0.0, 0.3, 1.0], 81).reshape(3, 9, 9)
    scores = -patches.mean_ @ patches.whitening_ @ patches.atoms_.T
    expected = np.maximum(np.concatenate([scores, -scores]), 0)
    assert_allclose(patches.transform(flat), [expected] * 3, atol=1e-4)


def test_wide_images_and_many_patches_in_a_cell():
    """More neighbors than the kernel takes at once."""
    images = np.random.default_rng(0).random((2, 7, 301)).astype(np.float32)
    patches = PatchFeatures(5, (4, 4), pooling=(1, 2), random_state=0)
    rows = patches.fit_transform(images)
    expected = [definition(patches, image[..., None].astype(float)) for image in images]
    assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)


def test_names_follow_the_columns(photos):
    patches = PatchFeatures(3, pooling=(1, 2), random_state=0).fit(photos)
    names = patches.get_feature_names_out()
    assert list(names[:4]) == [f"patch_r0_c0_{name}" for name in ("above_0", "above_1", "above_2", "below_0")]
    assert names[-1] == "patch_r0_c1_below_2"
    triangles = PatchFeatures(2, encoding="triangle", pooling=(2, 1), random_state=0).fit(photos)
    assert list(triangles.get_feature_names_out()) == [f"patch_r{i}_c0_atom_{k}" for i in (0, 1) for k in (0, 1)]


def test_images_without_room_for_patches_are_refused(photos):
    for settings in ({"patch_size": (20, 6)}, {"pooling": (2, 19)}, {"step": 14}):
        with pytest.raises(ValueError, match=r"PatchFeatures: images of 19 rows and 23 columns are smaller than"):
            PatchFeatures(2, **settings).fit(photos)


def test_fewer_patches_than_atoms_are_refused(photos):
    with pytest.raises(ValueError, match=r"X holds 252 patches to learn from, n_atoms=253 needs as many"):
        PatchFeatures(253).fit(photos[:1])
    with pytest.raises(ValueError, match=r"X holds 9 patches"):
        PatchFeatures(10, max_patches=9).fit(photos)


def test_parameters_that_are_changed_after_fit(photos):
    fitted = PatchFeatures(n_atoms=4, random_state=0).fit(photos)
    with pytest.raises(ValueError, match="changed after fit: they make 16 columns, and there were 32; call fit again"):
        fitted.set_params(encoding="triangle").transform(photos)


def test_huge_floats_are_refused_at_fit(photos):
    with pytest.raises(ValueError, match=r"PatchFeatures: X holds values too large"):
        PatchFeatures(2, random_state=0).fit(np.full((3, 8, 8), 1e20))


@pytest.fixture
def folder(photos, tmp_path):
    from PIL import Image

    for index, photo in enumerate(photos):
        Image.fromarray(photo).save(tmp_path / f"{index}.png")
    return tmp_path


def test_a_collection_gives_what_its_images_give(photos, folder):
    collection = ImageCollection.from_folder(folder)
    from_files = PatchFeatures(5, max_patches=300, random_state=0, n_jobs=2).fit(collection)
    from_array = PatchFeatures(5, max_patches=300, random_state=0).fit(photos)
    assert_array_equal(from_files.atoms_, from_array.atoms_)
    assert_array_equal(from_files.transform(collection), from_array.transform(photos))


def test_nothing_is_learned_from_images_that_cannot_be_had(photos, folder):
    (folder / "4.png").write_bytes(b"no image")
    broken = ImageCollection.from_folder(folder, on_error="nan")
    with pytest.warns(FailedImagesWarning, match=r"1 of 9 images cannot be read .*nothing is learned from them"):
        patches = PatchFeatures(5, random_state=0).fit(broken)
    with pytest.raises(ImageError):
        PatchFeatures(5, random_state=0).fit(ImageCollection.from_folder(folder))
    mean, *_ = learn_by_hand(np.delete(photos, 4, axis=0), (6, 6), 0.01, 0.1)
    assert_allclose(patches.mean_, mean, atol=1e-6)


def test_where_none_of_the_images_drawn_can_be_had(folder):
    for place in range(1, 9):
        (folder / f"{place}.png").write_bytes(b"no image")
    broken = ImageCollection.from_folder(folder, on_error="nan")
    with (
        pytest.warns(FailedImagesWarning, match="1 of 9 images"),
        pytest.raises(ValueError, match=r"X holds 0 patches to learn from, n_atoms=5 needs as many"),
    ):
        PatchFeatures(5, max_patches=5, random_state=0).fit(broken)
