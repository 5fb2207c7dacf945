"""Small data sets that come with scikit-learn and scikit-image: no download."""

import numpy as np

from skimgfeat.datasets._base import as_bunch

_TEXTURES = ("brick", "grass", "gravel")
_TEXTURE_SIDE = 512  # pixels
_PATCH_SIDE = 64  # pixels


def load_digits(*, return_X_y=False):
    """Load the handwritten digits of scikit-learn as images.

    =============  =============================
    Classes                                   10
    Images          1797, about 180 of each class
    Shape                                  8 x 8
    Values          float32 in [0, 1], gray
    =============  =============================

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(images, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        images : float32 ndarray of shape (1797, 8, 8)
            The published values 0 to 16 divided by 16, so that they follow the convention for float images.
        target : int64 ndarray of shape (1797,)
            The digit.
        target_names : ndarray of shape (10,)
            The digits as strings.
        DESCR : str
            Source and layout.
    (images, target) : tuple of ndarrays
        With ``return_X_y=True``.

    See Also
    --------
    sklearn.datasets.load_digits : The same as rows of 64 values 0 to 16.

    Examples
    --------
    >>> from skimgfeat.datasets import load_digits
    >>> digits = load_digits()
    >>> digits.images.shape, float(digits.images.max())
    ((1797, 8, 8), 1.0)
    """
    from sklearn import datasets

    published = datasets.load_digits()
    images = (published.images / 16).astype(np.float32)
    description = (
        "1797 handwritten digits, gray, 8 x 8 pixels, float32 in [0, 1] (the published values 0 to 16, divided by "
        "16). From sklearn.datasets.load_digits: the test set of "
        "https://archive.ics.uci.edu/ml/datasets/Optical+Recognition+of+Handwritten+Digits"
    )
    target = published.target.astype(np.int64)
    return as_bunch("load_digits", images, target, list("0123456789"), description, return_X_y)


def load_faces(*, return_X_y=False):
    """Load faces and pieces of background of Labeled Faces in the Wild.

    =============  ==============================
    Classes         2: non-face, face
    Images          200, 100 of each class
    Shape           25 x 25
    Values          float64 in [0, 1], gray
    =============  ==============================

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(images, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        images : float64 ndarray of shape (200, 25, 25)
            As published: faces first, then non-faces.
        target : int64 ndarray of shape (200,)
            1 for a face, 0 for a non-face.
        target_names : ndarray of shape (2,)
            "non-face" and "face".
        DESCR : str
            Source and layout.
    (images, target) : tuple of ndarrays
        With ``return_X_y=True``.

    See Also
    --------
    skimage.data.lfw_subset : The images alone.

    Examples
    --------
    >>> from skimgfeat.datasets import load_faces
    >>> faces = load_faces()
    >>> faces.images.shape, str(faces.target_names[faces.target[0]])
    ((200, 25, 25), 'face')
    """
    from skimage import data

    images = data.lfw_subset()
    target = np.repeat(np.array([1, 0], dtype=np.int64), len(images) // 2)
    description = (
        "100 faces and 100 pieces of background, gray, 25 x 25 pixels, float64 in [0, 1]. From "
        "skimage.data.lfw_subset: Labeled Faces in the Wild, http://vis-www.cs.umass.edu/lfw/"
    )
    return as_bunch("load_faces", images, target, ["non-face", "face"], description, return_X_y)


def load_textures(*, return_X_y=False):
    """Load patches of three textures: brick, grass and gravel.

    =============  ==============================
    Classes         3: brick, grass, gravel
    Images          192, 64 of each class
    Shape           64 x 64
    Values          uint8, gray
    =============  ==============================

    The 512 x 512 photo of each texture is cut into 8 x 8 patches that do not overlap. Neighboring patches still
    resemble each other, so cross-validate with ``GroupKFold`` over ``groups``.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(images, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        images : uint8 ndarray of shape (192, 64, 64)
            Patches: texture by texture, each row by row.
        target : int64 ndarray of shape (192,)
            The texture.
        target_names : ndarray of shape (3,)
            "brick", "grass" and "gravel".
        groups : int64 ndarray of shape (192,)
            The quarter of its photo a patch was cut from: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
        DESCR : str
            Source and layout.
    (images, target) : tuple of ndarrays
        With ``return_X_y=True``.

    See Also
    --------
    skimage.data.brick, skimage.data.grass, skimage.data.gravel : The photos.

    Examples
    --------
    >>> from skimgfeat.datasets import load_textures
    >>> textures = load_textures()
    >>> textures.images.shape, len(set(textures.groups))
    ((192, 64, 64), 4)
    """
    from skimage import data

    side = _TEXTURE_SIDE // _PATCH_SIDE
    photos = np.stack([getattr(data, name)() for name in _TEXTURES])
    patches = photos.reshape(-1, side, _PATCH_SIDE, side, _PATCH_SIDE).swapaxes(2, 3)
    half = np.arange(side) // (side // 2)
    description = (
        "192 patches, 64 x 64 pixels, gray, uint8, cut without overlap from the photos skimage.data.brick, grass and "
        "gravel (CC0); groups tells the quarter of the photo."
    )
    return as_bunch(
        "load_textures",
        patches.reshape(-1, _PATCH_SIDE, _PATCH_SIDE),
        np.repeat(np.arange(len(_TEXTURES), dtype=np.int64), side * side),
        _TEXTURES,
        description,
        return_X_y,
        groups=np.tile((2 * half[:, None] + half).ravel(), len(_TEXTURES)),
    )
