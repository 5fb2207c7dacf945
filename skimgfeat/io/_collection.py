"""Images in files as a lazy sequence: nothing is decoded before it is asked for."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from skimgfeat._validation import check_choice, check_integer
from skimgfeat.io._decode import MAX_PIXELS, MODES, ImageError, check_decoding, decode_image
from skimgfeat.io._folders import list_class_folders, list_images
from skimgfeat.io._photos import PhotoCache
from skimgfeat.io._sources import absolute_path, is_address, is_missing, join_inside, join_listed, name_of, read_source
from skimgfeat.io._tables import read_path_column

_OWNER = "ImageCollection"
ON_ERROR = ("raise", "nan")
_SOURCES = (str, os.PathLike, bytes, bytearray, memoryview)


class FailedImagesWarning(UserWarning):
    """Some images could not be had; their rows are NaN, their lists of descriptors empty.

    Examples
    --------
    >>> import warnings
    >>> from skimgfeat import FailedImagesWarning
    >>> warnings.simplefilter("error", FailedImagesWarning)  # a run that must not go on without them
    """


class ImageCollection:
    """Images from files, memory or addresses, decoded when they are asked for.

    A sequence that scikit-learn can split: it has a length and a ``shape``, ``collection[3]`` is an image,
    ``collection[[3, 1]]``, a slice or a mask is a collection. Estimators of this package take one as X, and decode no
    more than a batch at a time.

    Parameters
    ----------
    sources : sequence of str, path-like, bytes or binary file objects
        The images, each a path, an address that fsspec opens (``s3://bucket/image.jpg``), or the encoded image itself.
        bytes are always an encoded image, never a path. None and NaN are images that cannot be had.
    root : path-like or None, default=None
        A folder (or address) that all sources must be relative paths inside of; a path that leads out of it is an
        error of its image. Give it for paths that come from others.
    mode : {"rgb", "gray", "color"}, default="rgb"
        What every image becomes; see :func:`skimgfeat.io.decode_image`.
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        What the pixels are scaled to.
    orientation : {"exif", "ignore"}, default="exif"
        Whether images are turned as their EXIF data say.
    draft : (rows, cols) or None, default=None
        Lets JPEGs be decoded at the smallest scale that is not below twice this size.
    on_error : {"raise", "nan"}, default="raise"
        What happens to an image that cannot be had. "raise" is an error that names it. "nan" keeps its place: its row
        of features is NaN, its list of descriptors empty, and one :class:`FailedImagesWarning` tells how many there
        are.
    max_pixels, max_bytes : int or None, default=89478485 and 1073741824
        Larger images, larger files are errors; None for no limit.

    Attributes
    ----------
    shape : tuple of int
        ``(n_images,)``.
    image_shape : tuple of int or None
        (rows, cols) or (rows, cols, 3) of every image, where a step such as :class:`Resize` has brought them to one
        size; otherwise None.
    names : list of str
        The path of each image as it was given, or "item 3" for those without one.

    See Also
    --------
    ImageReader : Makes one of an array of paths, in a pipeline.
    skimgfeat.io.decode_image : How an image is decoded, and the codes of what can be wrong with it.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from skimgfeat import ImageCollection, Resize
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for side in (20, 30):
    ...         Image.fromarray(np.zeros((side, side), dtype=np.uint8)).save(os.path.join(folder, f"{side}.png"))
    ...     collection = ImageCollection.from_folder(folder, mode="gray")
    ...     print(collection.names, collection[1].shape)
    ...     print(np.asarray(Resize((8, 8)).fit_transform(collection)).shape)
    ['20.png', '30.png'] (30, 30)
    (2, 8, 8)
    """

    def __init__(
        self,
        sources,
        *,
        root=None,
        mode="rgb",
        dtype="uint8",
        orientation="exif",
        draft=None,
        on_error="raise",
        max_pixels=MAX_PIXELS,
        max_bytes=1 << 30,
    ):
        if isinstance(sources, (str, bytes, os.PathLike)):
            raise TypeError(
                f"{_OWNER}: sources must be a sequence of paths, got {sources!r}; "
                "for the images in a folder there is ImageCollection.from_folder."
            )
        self._decoding = {
            "mode": mode,
            "dtype": dtype,
            "orientation": orientation,
            "draft": draft,
            "max_pixels": max_pixels,
        }
        check_reading(_OWNER, root=root, on_error=on_error, max_bytes=max_bytes, **self._decoding)
        self._sources = _as_sources(sources)
        # Processes that read may have other working directories.
        self._root = None if root is None else absolute_path(root)
        self._listed = False  # whether the paths come from listing the root, which cannot lead out of it
        self._whole = False  # whether they are all that was listed
        self._max_bytes = max_bytes
        self._on_error = on_error
        self._functions: tuple[Callable, ...] = ()
        self._image_shape = None
        self._photos = PhotoCache()

    @classmethod
    def from_folder(cls, folder, pattern=None, *, recursive=True, **options):
        """Collect the images in a folder.

        Parameters
        ----------
        folder : path-like
            A folder, or an address that fsspec lists.
        pattern : str or None, default=None
            Which files, by their name or, where the pattern has a slash, their path in the folder: ``"*.png"``,
            ``"train/*"``; "*" is every file. None is every file whose name ends as those of images do.
        recursive : bool, default=True
            Whether to look into the folders in it. Links to folders are not followed.
        **options
            Of :class:`ImageCollection`.

        Returns
        -------
        collection : ImageCollection
            In the order of the paths, compared byte by byte.

        Raises
        ------
        FileNotFoundError, NotADirectoryError
            Where there is no such folder.
        """
        return cls._from_listing(folder, list_images(folder, pattern, recursive=recursive), options)

    @classmethod
    def from_class_folders(cls, folder, pattern=None, **options):
        """Collect the images of a folder that has a folder for each class.

        Parameters
        ----------
        folder : path-like
            The names of the folders in it are the classes; files beside them are left out.
        pattern : str or None, default=None
            As for :meth:`from_folder`.
        **options
            Of :class:`ImageCollection`.

        Returns
        -------
        collection : ImageCollection
            In the order of the paths.
        labels : ndarray of str, shape (n_images,)
            The class of each image.

        Raises
        ------
        FileNotFoundError, NotADirectoryError
            Where there is no such folder.
        """
        names, labels = list_class_folders(folder, pattern)
        return cls._from_listing(folder, names, options), np.array(labels, dtype=str)

    @classmethod
    def from_table(cls, table, column="image_path", *, root=None, **options):
        """Collect the images whose paths stand in a column of a table.

        Parameters
        ----------
        table : path-like or data frame
            A CSV or Parquet file (by the end of its name), or a pandas or polars frame.
        column : str, default="image_path"
            The column of paths, or of encoded images (bytes).
        root : path-like or None, default=None
            The folder that the paths are relative to, and may not leave. None is the folder of the file; a data frame
            without a root holds paths that are taken as they are.
        **options
            Of :class:`ImageCollection`.

        Returns
        -------
        collection : ImageCollection
            In the order of the table, a missing value an image that cannot be had.

        Raises
        ------
        ValueError
            For a table that cannot be read or has no such column.
        ImportError
            For a Parquet file without pyarrow.
        """
        if root is None and isinstance(table, (str, bytes, os.PathLike)):
            root = os.path.dirname(os.fsdecode(table)) or os.curdir
        return cls(read_path_column(table, column), root=root, **options)

    @classmethod
    def _from_listing(cls, folder, names, options):
        collection = cls(names, root=folder, **options)
        collection._listed = collection._whole = True
        return collection

    @property
    def shape(self):
        return self._sources.shape

    @property
    def image_shape(self):
        return self._image_shape

    @property
    def channels(self):
        """What follows (rows, cols) in the shape of an image: (3,) for RGB, () for gray."""
        return () if self._decoding["mode"] == "gray" else (3,)

    @property
    def dtype(self):
        """What type the pixels are decoded to."""
        return np.dtype(self._decoding["dtype"])

    @property
    def sources(self):
        """Where the images come from, a 1-D object array."""
        return self._sources

    @property
    def root(self):
        """The folder that the paths are relative to, or None."""
        return self._root

    @property
    def is_listing(self):
        """Whether the paths are all that a folder held, rather than what somebody gave or chose of them."""
        return self._listed and self._whole

    @property
    def decoding(self):
        """How images are decoded, a dict of parameters."""
        return {**self._decoding, "max_bytes": self._max_bytes}

    @property
    def functions(self):
        """What is applied to each image after it is decoded, in order."""
        return self._functions

    @property
    def on_error(self):
        return self._on_error

    @property
    def names(self):
        return [name_of(source, index) for index, source in enumerate(self._sources)]

    def __len__(self):
        return len(self._sources)

    def __getitem__(self, key):
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # how scikit-learn indexes what has a shape
        if isinstance(key, np.ndarray) and key.ndim == 0:
            key = key[()]
        if isinstance(key, (int, np.integer)):
            return self._read_or_raise(range(len(self))[key])
        taken = self._copy()
        taken._sources = _as_sources(self._sources[key])
        taken._whole = False
        taken._functions = tuple(step.take(key) if isinstance(step, _PerImage) else step for step in self._functions)
        return taken

    def __iter__(self):
        for item in self.read_ahead():
            if isinstance(item, ImageError):
                raise item
            yield item

    def __array__(self, dtype=None, copy=None):
        images = list(self)
        shapes = {image.shape for image in images}
        if len(shapes) > 1:
            raise ValueError(
                f"{_OWNER}: images of {len(shapes)} different shapes make no array; bring them to one with Resize."
            )
        return np.array(images, dtype=dtype)

    def __repr__(self):
        settings = ", ".join(f"{name}={value!r}" for name, value in self._decoding.items() if value is not None)
        return f"<{_OWNER} of {len(self)} images: {settings}, on_error={self._on_error!r}>"

    def read(self, index):
        """Decode one image.

        Parameters
        ----------
        index : int
            Its place.

        Returns
        -------
        image : ndarray of shape (rows, cols) or (rows, cols, 3)
            The image.

        Raises
        ------
        ImageError
            Where it cannot be had.
        """
        image = self._decode(index)
        for function in self._functions:
            image = function(image, index) if isinstance(function, _PerImage) else function(image)
        return image

    def read_encoded(self, index):
        """Read the file of one image, or what stands for it, and do not decode it.

        Parameters
        ----------
        index : int
            Its place.

        Returns
        -------
        data : bytes
            The encoded image.

        Raises
        ------
        ImageError
            Where there are none, or too many.
        """
        return self._read_bytes(self._sources[index])

    def _decode(self, index):
        source = self._sources[index]
        draft = self._decoding["draft"]
        for function in self._functions:
            if isinstance(function, _PerImage):
                draft = function.draft(index) or draft
        if not self._has_twin(index):
            return self._decode_source(source, draft)
        key = source, self._stamp(source), draft
        return self._photos.get(key, lambda: self._decode_source(source, draft))

    def _stamp(self, source):
        """Return what another file by the same name would not have, None where that is not known.

        Asked for each crop of a photo, so no more than one call of the system: whether the path may be read is not
        looked at, since nothing is read.
        """
        if isinstance(source, bytes):
            return None
        path = os.fsdecode(source) if self._root is None else os.path.join(self._root, os.fsdecode(source))
        if is_address(path):
            return None
        try:
            status = os.stat(path)
        except (OSError, ValueError):  # what is wrong with it is told when it is read
            return None
        return status.st_mtime_ns, status.st_size

    def _decode_source(self, source, draft):
        return decode_image(self._read_bytes(source), **self._decoding | {"draft": draft})

    def _read_bytes(self, source):
        if self._root is not None and isinstance(source, (str, os.PathLike)):
            name = os.fsdecode(source)
            source = join_listed(self._root, name) if self._listed else join_inside(self._root, name)
        elif source is None:
            raise ImageError("missing", "no path is given")
        return read_source(source, max_bytes=self._max_bytes)

    def _has_twin(self, index):
        """Tell whether the image before or after is another part of the same photo."""
        source = self._sources[index]
        if not isinstance(source, (str, os.PathLike, bytes)):
            return False
        neighbors = (index - 1, index + 1)
        differs = any(isinstance(function, _PerImage) for function in self._functions)
        return differs and any(0 <= other < len(self) and self._sources[other] == source for other in neighbors)

    def read_or_error(self, index):
        """Decode one image, as ``on_error`` says.

        Parameters
        ----------
        index : int
            Its place.

        Returns
        -------
        image : ndarray or ImageError
            The image; with ``on_error="nan"``, the error of one that cannot be had.

        Raises
        ------
        ImageError
            With ``on_error="raise"``, one that names the image.
        """
        if self._on_error == "raise":
            return self._read_or_raise(index)
        try:
            return self.read(index)
        except ImageError as error:
            return error

    def read_ahead(self, *, n_jobs=2, window=None):
        """Decode the images in order, some ahead of the one that is asked for.

        Parameters
        ----------
        n_jobs : int, default=2
            How many threads decode.
        window : int or None, default=None
            How many images may be decoded, or being decoded, and not yet asked for; None is twice ``n_jobs``.

        Yields
        ------
        image : ndarray or ImageError
            The image; with ``on_error="nan"``, the error of one that cannot be had.

        Raises
        ------
        ImageError
            With ``on_error="raise"``, at the image that cannot be had.
        """
        check_integer(_OWNER, "n_jobs", n_jobs, minimum=1)
        if window is not None:
            check_integer(_OWNER, "window", window, minimum=1)
        pool = ThreadPoolExecutor(n_jobs)
        pending: deque[Future] = deque()
        try:
            for index in range(len(self)):
                pending.append(pool.submit(self.read_or_error, index))
                if len(pending) >= (2 * n_jobs if window is None else window):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def with_sources(self, sources):
        """Return a collection of other sources, read in the same way.

        Parameters
        ----------
        sources : sequence
            As for :class:`ImageCollection`.

        Returns
        -------
        collection : ImageCollection
            The other images.
        """
        if any(isinstance(function, _PerImage) for function in self._functions):
            raise ValueError(f"{_OWNER}: other sources have no arguments: give them at map(), image by image.")
        other = self._copy()
        other._sources = _as_sources(sources)
        other._whole = False
        return other

    def map(self, function, *, image_shape=None, arguments=None, drafts=None):
        """Return a collection of what ``function`` makes of each image.

        Parameters
        ----------
        function : callable
            Takes an image and returns one of the same type; picklable; may raise ImageError.
        image_shape : tuple of int or None, default=None
            The shape that every image then has, where it is known.
        arguments : ndarray of shape (n_images, ...) or None, default=None
            A second argument of ``function`` for each image, such as a box in it; parts of the collection have their
            part of it. An image that is the same as the one before or after it is then decoded once for both, and
            ``function`` must leave it as it is.
        drafts : int ndarray of shape (n_images, 2) or None, default=None
            The parameter ``draft`` for each image, with ``arguments``; 0 for none.

        Returns
        -------
        collection : ImageCollection
            As lazy as this one.

        Raises
        ------
        ValueError
            For another number of arguments or drafts than of images.
        """
        for name, values in (("arguments", arguments), ("drafts", drafts)):
            if values is not None and len(values) != len(self):
                raise ValueError(f"{_OWNER}: {name} must be one for each of {len(self)} images, got {len(values)}.")
        mapped = self._copy()
        step = function if arguments is None else _PerImage(function, arguments, drafts)
        mapped._functions = (*self._functions, step)
        mapped._image_shape = image_shape
        return mapped

    def check(self, *, n_jobs=2):
        """Decode every image and tell what is wrong with which.

        Parameters
        ----------
        n_jobs : int, default=2
            How many threads decode.

        Returns
        -------
        account : dict of str to list
            A list a column, an entry an image, as ``pandas.DataFrame`` takes it: ``name``; ``code``, the empty string
            for an image that is right (see :class:`skimgfeat.io.ImageError`); ``message``; ``rows`` and ``cols``, 0
            where unknown.
        """
        account = {"name": self.names, "code": [], "message": [], "rows": [], "cols": []}
        lenient = self._copy()
        lenient._on_error = "nan"
        for item in lenient.read_ahead(n_jobs=n_jobs):
            failed = isinstance(item, ImageError)
            account["code"].append(item.code if failed else "")
            account["message"].append(item.message if failed else "")
            rows, cols = (0, 0) if failed else item.shape[:2]
            account["rows"].append(rows)
            account["cols"].append(cols)
        return account

    def _copy(self):
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def _read_or_raise(self, index):
        try:
            return self.read(index)
        except ImageError as error:
            name = name_of(self._sources[index], index)
            raise ImageError(error.code, f"image {index}, {name!r}: {error.message}") from error


def check_reading(owner, *, root, on_error, max_bytes, mode, **decoding):
    """Raise TypeError or ValueError for a parameter of :class:`ImageCollection` that cannot be used."""
    if not (root is None or isinstance(root, (str, bytes, os.PathLike))):
        raise TypeError(f"{owner}: root must be None or the path of a folder, got {root!r}.")
    if root is not None and not os.fspath(root):
        raise ValueError(f"{owner}: root must be the path of a folder, got {root!r}; the working folder is '.'.")
    check_choice(owner, "mode", mode, MODES)
    check_decoding(owner, mode=mode, **decoding)
    check_choice(owner, "on_error", on_error, ON_ERROR)
    if max_bytes is not None:
        check_integer(owner, "max_bytes", max_bytes, minimum=1)


class _PerImage:
    """A function that takes an image and what was given for it."""

    def __init__(self, function, arguments, drafts):
        self._function = function
        self._arguments = arguments
        self._drafts = drafts

    def __call__(self, image, index):
        return self._function(image, self._arguments[index])

    def draft(self, index):
        return None if self._drafts is None or not self._drafts[index].all() else tuple(map(int, self._drafts[index]))

    def take(self, key):
        return _PerImage(self._function, self._arguments[key], None if self._drafts is None else self._drafts[key])


def _as_sources(sources):
    """Return the sources as a 1-D object array; NumPy's own conversion would look into bytes and lists."""
    if isinstance(sources, np.ndarray) and sources.ndim != 1:
        raise ValueError(f"{_OWNER}: sources must be of one dimension, got shape {sources.shape}.")
    sources = [None if is_missing(source) else source for source in sources]
    for index, source in enumerate(sources):
        if not (source is None or isinstance(source, _SOURCES) or hasattr(source, "read")):
            raise TypeError(
                f"{_OWNER}: source {index} must be a path, bytes or a binary file object, got {type(source).__name__}."
            )
    array = np.empty(len(sources), dtype=object)
    array[:] = sources
    return array
