"""What the engine may use of this machine, and with which settings it is told."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1024 * 1024
# Half of the machine: the collector, the page cache that the parts are read through and the
# user's own programs live on the other half.
MEMORY_FRACTION: Final = 0.5
MEMORY_BYTES_MIN: Final = 512 * MEBIBYTE
# One query may take this much of the engine's memory: the inserts go on beside the greediest.
QUERY_MEMORY_FRACTION: Final = 0.6
# An insert of a segment takes seven times its bytes; three of them must fit beside each other.
SEGMENT_MEMORY_FRACTION: Final = 1 / 24
# A cache that holds the marks of the recent parts; the default of 5 GiB is a server's.
MARK_CACHE_FRACTION: Final = 0.04
CACHE_BYTES_MIN: Final = 16 * MEBIBYTE
CACHE_BYTES_MAX: Final = 512 * MEBIBYTE
# Merges compete with inserts and queries for the cores; two keep up with two inserters.
BACKGROUND_MERGES: Final = 2
# They yield to questions and, by two thirds, to inserts, where this process may raise a thread
# again (CAP_SYS_NICE). At 10, as inserts, a merge of 20 million spans took 160 s, and at 72,000 a
# second 36 s of spans waited behind it; with this 14. With 19, in a version that merged ten parts
# at a time, spans at 50,000 a second took 8.3 s (p99) in place of 5.5 with 10.
MERGE_NICE: Final = 15
# The pool's cap, not its size. A handful of queries on a few cores needs a few hundred at most.
ENGINE_THREADS_MAX: Final = 1_000

_MEMORY_LIMIT_FILES: Final = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


@dataclass(frozen=True)
class EngineLimits:
    """What the engine may use. Sizes in bytes."""

    memory: int
    query_memory: int
    cache: int

    @property
    def segment_bytes(self) -> int:
        """How large a segment may be, in bytes, that three of them find memory at a time."""
        return int(self.memory * SEGMENT_MEMORY_FRACTION)

    def server_settings(self) -> dict[str, int]:
        """Return the settings that the engine starts with."""
        return {
            "max_server_memory_usage": self.memory,
            "mark_cache_size": self.cache,
            "primary_index_cache_size": self.cache,
            "index_mark_cache_size": self.cache // 4,
            "text_index_header_cache_size": self.cache // 4,
            "text_index_tokens_cache_size": self.cache // 4,
            "text_index_postings_cache_size": self.cache // 4,
            # Nothing of ours uses them; each would be allowed gigabytes.
            "vector_similarity_index_cache_size": CACHE_BYTES_MIN,
            "unique_key_index_cache_size_bytes": CACHE_BYTES_MIN,
            "parquet_metadata_cache_size": CACHE_BYTES_MIN,
            "iceberg_metadata_files_cache_size": CACHE_BYTES_MIN,
            "query_condition_cache_size": CACHE_BYTES_MIN,
            "compiled_expression_cache_size": 2 * CACHE_BYTES_MIN,
            "background_pool_size": BACKGROUND_MERGES,
            "os_threads_nice_value_merge_mutate": MERGE_NICE,
            "max_thread_pool_size": ENGINE_THREADS_MAX,
        }

    def query_settings(self) -> dict[str, str]:
        """Return the settings of every request that does not set them itself."""
        return {
            # The engine's default gathers small inserts for up to a second before it writes; the
            # loader has gathered them already, and a dashboard's insert wants to be there at once.
            "async_insert": "0",
            "max_memory_usage": str(self.query_memory),
        }


def limits_of_this_machine() -> EngineLimits:
    """Return limits for the memory of this machine or, if it is smaller, of this container."""
    memory = max(MEMORY_BYTES_MIN, int(_memory_bytes() * MEMORY_FRACTION))
    cache = min(CACHE_BYTES_MAX, max(CACHE_BYTES_MIN, int(memory * MARK_CACHE_FRACTION)))
    return EngineLimits(memory, int(memory * QUERY_MEMORY_FRACTION), cache)


def _memory_bytes() -> int:
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in _MEMORY_LIMIT_FILES:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
            sizes.append(int(Path(name).read_text()))
    return min(sizes)
