"""Deflate and CRC-32 by the quickest implementation that is installed; results are the same.

ISA-L inflates 2.7 times and sums ten times as fast as zlib (measured: 0.7 against 1.8 us a span of
743 B, and 0.02 against 0.17 us), and a third of what the door does for a span was zlib. Where it is
not installed the standard library takes its place.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, Final

_BEST: Final[Any] = importlib.import_module(
    "isal.isal_zlib" if importlib.util.find_spec("isal") else "zlib"
)

# As those of zlib.
crc32: Final[Callable[..., int]] = _BEST.crc32
decompressobj: Final[Callable[..., Any]] = _BEST.decompressobj
# What both raise for bytes that are not of the format.
DeflateError: Final[type[Exception]] = _BEST.error
