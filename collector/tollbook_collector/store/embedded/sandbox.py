"""What the store's process gives up before the engine opens: files, network, programs, secrets.

SQL is a way into the machine otherwise: `readonly` stops neither `file()` nor `INTO OUTFILE`. So
the kernel is told what this process may still do, before the first thread starts, and a mistake
in a statement's check costs nothing outside of the data directory:

- Landlock: read and write below DIR/data and DIR/tmp, read Python's own libraries and the kernel's
  random numbers, nothing else (no /proc either: the environment and the arguments of other
  processes are there); no TCP connection, no TCP port; no signal to another process.
- seccomp: no new socket of any family (Landlock knows TCP alone, DNS is UDP), no program started.
- no_new_privs, no core dump (it would hold the rows), files for the owner alone.

The environment is emptied by starting the process anew with a clean one (`clean_environment`),
because clearing it inside leaves the original in memory. Nothing may change it afterwards: without
/proc the engine's library finds what the kernel told this process (its auxiliary vector) by walking
past the end of the environment, which ends in the heap once a variable has been set.
"""

import ctypes
import os
import platform
import resource
import site
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# What the interpreter needs to start; everything else may be somebody's password.
ENVIRONMENT_KEPT: Final = frozenset(
    {"LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "TZ"}
)
# How the engine's allocator gives memory back, which its library reads at its start. By default it
# does within seconds, and at once what is 64 MiB or more, while the next insert wants the same
# again: a quarter of its time went to pages that the kernel cleared anew (measured: 16 against
# 12 us of CPU a span, for 0.2 GB more). The engine gives all back where memory gets short.
ALLOCATOR: Final = "dirty_decay_ms:30000,oversize_threshold:0"
CUSTOMIZED: Final = ("sitecustomize.py", "usercustomize.py")
# A merge opens every column of every part it reads.
OPEN_FILES_MAX: Final = 65_536
UMASK: Final = 0o077

# The dynamic linker looks here when the engine is loaded.
READABLE: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"),
    "/etc/ld.so.cache",
    # The engine draws from it for each request. Refused, it stirs clocks and names together instead
    # (measured: 0.6 of the 4.2 ms of CPU of SELECT 1).
    "/dev/urandom",
    # Not a library: the engine reads there how much memory its container has left.
    "/sys/fs/cgroup",
)
# Each thread of a query or an insert reads here what it has used. Refused, the engine throws and
# catches four exceptions a thread, 400 an insert (measured: 1.0 of the 4.0 ms of SELECT 1). What
# else of this process is told here, its own memory map and environment, holds no secret.
OWN_THREADS: Final = Path("/proc/self/task")

_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_SECCOMP_RET_ALLOW = 0x7FFF0000
_SECCOMP_RET_EPERM = 0x00050001
# The three Landlock calls have these numbers on every architecture.
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_RULE_PATH_BENEATH = 1
_LANDLOCK_CREATE_RULESET_VERSION = 1
# The rights that each version of Landlock knows, as bits: asking for an unknown one is an error.
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_ON_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_EXECUTE = 1 << 0
_NETWORK_SINCE, _BIND_AND_CONNECT_TCP = 4, 0b11
_SCOPES_SINCE, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 0b11


@dataclass(frozen=True)
class Architecture:
    """The numbers that seccomp needs: the architecture's own and those of the calls refused."""

    audit: int
    seccomp: int
    refused: tuple[int, ...]


# In this order: socket, connect, bind, execve, execveat, ptrace, process_vm_readv,
# process_vm_writev, io_uring_setup (it opens sockets without the calls above).
_ARCHITECTURES: Final = {
    "x86_64": Architecture(0xC000003E, 317, (41, 42, 49, 59, 322, 101, 310, 311, 425)),
    "aarch64": Architecture(0xC00000B7, 277, (198, 203, 200, 221, 281, 117, 270, 271, 425)),
}


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _SocketFilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


@dataclass(frozen=True)
class Sandbox:
    """What the kernel holds this process to. `missing` names what it could not be asked for."""

    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether statements of users may be let in."""
        return not self.missing


def clean_environment(environment: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """Return the variables that the store's process is started with.

    Args:
        environment: The parent's.
        temporary: Where temporary files go.
    """
    kept = {name: environment[name] for name in ENVIRONMENT_KEPT & environment.keys()}
    # Such a file runs whenever Python starts; that of opentelemetry-instrument sets variables.
    entries = kept.pop("PYTHONPATH", "").split(os.pathsep)
    kept_entries = (
        each
        for each in entries
        if each and not any(Path(each, name).exists() for name in CUSTOMIZED)
    )
    if path := os.pathsep.join(kept_entries):
        kept["PYTHONPATH"] = path
    # Without the last one the interpreter sets a variable of its own where no locale is set.
    return {
        **kept,
        "JE_MALLOC_CONF": ALLOCATOR,
        "TMPDIR": str(temporary),
        "PYTHONCOERCECLOCALE": "0",
    }


def limit_process() -> None:
    """Set the limits that need no support of the kernel's."""
    os.umask(UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def enter(writable: Iterable[Path]) -> Sandbox:
    """Restrict this thread, and every thread it starts from now on, for ever.

    Args:
        writable: The directories that may be read and written.
    """
    if sys.platform != "linux":
        return Sandbox(("Linux",))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    missing = []
    # Landlock holds the calling thread and those it starts. A thread that runs already, such as
    # a library may start when it is loaded, would be a way around it.
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        missing.append(f"a process with one thread ({threads} run already)")
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        missing.append(f"no_new_privs ({os.strerror(ctypes.get_errno())})")
    try:
        _restrict_files(libc, list(writable), list(_libraries()))
    except OSError as error:
        missing.append(f"Landlock ({error.strerror})")
    try:
        _refuse_calls(libc)
    except OSError as error:
        missing.append(f"seccomp ({error.strerror})")
    return Sandbox(tuple(missing))


def _libraries() -> Iterator[Path]:
    """Yield the directories of Python, its packages and this one, and of the shared libraries."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    directories = {sysconfig.get_path(name) for name in names}
    directories |= {sysconfig.get_config_var("DESTSHARED") or "", *site.getsitepackages()}
    directories |= {str(Path(__file__).parents[2]), *READABLE}
    # Where this interpreter's own libraries lie, wherever its distributor put them.
    directories |= {str(Path(name).parent) for name in _mapped_files() if ".so" in name}
    yield from (Path(name) for name in sorted(directories) if name and Path(name).exists())


def _mapped_files() -> Iterator[str]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/"):
            yield fields[5]


def _restrict_files(libc: ctypes.CDLL, writable: list[Path], readable: list[Path]) -> None:
    """Enter a Landlock domain. Where its version knows no network, seccomp's part must do."""
    version = _call(libc, _LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    on_files = _ON_FILES[max(known for known in _ON_FILES if known <= version)]
    network = _BIND_AND_CONNECT_TCP if version >= _NETWORK_SINCE else 0
    scoped = _ABSTRACT_SOCKETS_AND_SIGNALS if version >= _SCOPES_SINCE else 0
    attributes = _RulesetAttributes(on_files, network, scoped)
    ruleset = _call(
        libc,
        _LANDLOCK_CREATE_RULESET,
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
        0,
    )
    try:
        for path in writable:
            _allow(libc, ruleset, path, on_files & ~_EXECUTE)
        for path in readable:
            _allow(libc, ruleset, path, _READ_FILE | _READ_DIRECTORY)
        if OWN_THREADS.exists():
            _allow(libc, ruleset, OWN_THREADS, _READ_FILE)
            # A folder of /proc that nobody holds may be forgotten, and with it what is allowed.
            os.open(OWN_THREADS, os.O_PATH | os.O_CLOEXEC)
        _call(libc, _LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    access &= access if path.is_dir() else ~_READ_DIRECTORY
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(access, descriptor)
        _call(
            libc,
            _LANDLOCK_ADD_RULE,
            ruleset,
            _LANDLOCK_RULE_PATH_BENEATH,
            ctypes.byref(rule),
            0,
        )
    finally:
        os.close(descriptor)


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """Make the kernel answer EPERM to the calls that open a socket or start a program."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None or sys.byteorder != "little":
        raise OSError(0, f"no call numbers for {platform.machine()}")
    load_architecture, load_number = (0x20, 0, 0, 4), (0x20, 0, 0, 0)
    refused = architecture.refused
    # Each instruction: operation, jump if true, jump if false, operand. Jumps count from the next.
    program = [
        load_architecture,
        (0x15, 0, len(refused) + 2, architecture.audit),
        load_number,
        *((0x15, len(refused) - position, 0, call) for position, call in enumerate(refused)),
        (0x06, 0, 0, _SECCOMP_RET_ALLOW),
        (0x06, 0, 0, _SECCOMP_RET_EPERM),
    ]
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = _SocketFilterProgram(len(program), ctypes.addressof(buffer))
    _call(
        libc,
        architecture.seccomp,
        _SECCOMP_SET_MODE_FILTER,
        _SECCOMP_FILTER_FLAG_TSYNC,
        ctypes.byref(filter_program),
    )


def _call(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
