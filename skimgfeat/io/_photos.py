"""Decoded photos that several images are cut from."""

import threading
from collections import OrderedDict

from skimgfeat.io._decode import ImageError

_CACHE_BYTES = 64 << 20


class _Entry:
    """A photo, or the error that stands for it; None before one thread has decoded it for all."""

    def __init__(self):
        self.lock = threading.Lock()
        self.photo = None
        self.error = None


class PhotoCache:
    """The photos that were decoded last, up to 64 megabytes; the last one in any case.

    Whichever thread comes first decodes a photo, and the others wait for it. An error is theirs alone: the next to ask
    tries again. Copies in other processes begin empty.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._entries: OrderedDict = OrderedDict()

    def __reduce__(self):
        return PhotoCache, ()

    def get(self, key, decode):
        """Return what ``decode()`` returns, an array that cannot be written to, or raise its ImageError."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            if entry.photo is None and entry.error is None:
                try:
                    entry.photo = decode()
                    entry.photo.flags.writeable = False
                except ImageError as error:
                    entry.error = error
                    self._forget(key, entry)
                self._forget_oldest()
        if entry.error is not None:
            raise ImageError(entry.error.code, entry.error.message)
        return entry.photo

    def _forget(self, key, entry):
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]

    def _forget_oldest(self):
        with self._lock:
            n_bytes = sum(entry.photo.nbytes for entry in self._entries.values() if entry.photo is not None)
            while n_bytes > _CACHE_BYTES and len(self._entries) > 1:
                _, entry = self._entries.popitem(last=False)
                n_bytes -= 0 if entry.photo is None else entry.photo.nbytes
