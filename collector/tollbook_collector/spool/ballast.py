"""Ballast: disk space held back, so that a full disk can be made room on.

A store on a full disk cannot even delete: that takes space too. So a file of BALLAST_BYTES lies
beside the spool; when the disk is nearly full it is given up, the store works on, and once there is
room for it several times over it is laid down again.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from tollbook_collector.spool.files import FILE_MODE

NAME: Final = "ballast"
BALLAST_BYTES: Final = 64 * 1024 * 1024
# Free space at which it is given up, and above which it is laid down.
GIVE_UP_BYTES: Final = 32 * 1024 * 1024
LAY_DOWN_BYTES: Final = 1024 * 1024 * 1024


def keep_ballast(
    directory: Path,
    size_bytes: int = BALLAST_BYTES,
    give_up_bytes: int = GIVE_UP_BYTES,
    lay_down_bytes: int = LAY_DOWN_BYTES,
) -> None:
    """Give the ballast of a directory up or lay it down, as the free space of its disk asks for.

    Args:
        directory: Where the file is; made if it is missing.
        size_bytes: Its size.
        give_up_bytes: Free space below which it is deleted.
        lay_down_bytes: Free space above which it is made.

    Raises:
        OSError: It could not be made; nothing is left of it.
    """
    path = directory / NAME
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if path.exists():
        if free < give_up_bytes:
            path.unlink()
        return
    if free < lay_down_bytes:
        return
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        os.posix_fallocate(file, 0, size_bytes)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(file)
