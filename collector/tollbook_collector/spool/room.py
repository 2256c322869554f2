"""How much of the spool is taken, by whom, and whether a request still has room.

No tenant can fill it alone: each may hold at most TENANT_SHARE_OF_FREE times what is free. So a
flood stops at 90 % of the spool, two stop at 47 % each, and the others always find room.
"""

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TENANT_SHARE_OF_FREE: Final = 9
# Requests that wait for the writer; more are refused, so that a slow disk costs no memory.
PENDING_BYTES_MAX: Final = 128 * 1024 * 1024


class Room:
    """The bytes that wait for the store; whoever owns it guards it with a lock.

    Args:
        directory: Of the spool.
        bytes_max: Bytes on disk at which requests are refused.
        disk_free_bytes_min: Free space of the disk below which they are refused.
    """

    def __init__(self, directory: Path, bytes_max: int, disk_free_bytes_min: int) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._disk_free_bytes_min = disk_free_bytes_min
        self._held: Counter[str] = Counter()
        self.waiting_bytes = 0

    def take(self, size_bytes: int, tenants: Mapping[str, int]) -> None:
        """Note that bytes wait, and how many of them are whose."""
        self.waiting_bytes += size_bytes
        self._held.update(tenants)

    def give_back(self, size_bytes: int, tenants: Mapping[str, int]) -> None:
        """Note that bytes do not wait any more."""
        self.waiting_bytes -= size_bytes
        self._held.subtract(tenants)
        for tenant in tenants:
            if self._held[tenant] <= 0:
                del self._held[tenant]

    def refusal(self, tenant: str, request_bytes: int, pending_bytes: int) -> str:
        """Return why a request has no room; empty: it has.

        Args:
            tenant: Whose it is.
            request_bytes: Its size.
            pending_bytes: Of the requests that are not written yet.
        """
        waiting = self.waiting_bytes + pending_bytes + request_bytes
        share = TENANT_SHARE_OF_FREE * (self._bytes_max - waiting)
        held = self._held[tenant]
        if pending_bytes + request_bytes > PENDING_BYTES_MAX:
            return f"{pending_bytes} B wait for the disk, the limit is {PENDING_BYTES_MAX}"
        if waiting > self._bytes_max:
            return f"{waiting} B would wait for the store, the limit is {self._bytes_max}"
        if held > share:
            return f"{held} B of {tenant} wait for the store, its share of what is free is {share}"
        if shutil.disk_usage(self._directory).free < self._disk_free_bytes_min:
            return f"less than {self._disk_free_bytes_min} B are free on the disk"
        return ""
