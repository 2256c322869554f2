"""Run the embedded store: `python -m tollbook_collector.store.embedded --path DIR`."""

import argparse
import faulthandler
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tollbook_collector.store.embedded.address import LISTEN_DEFAULT, listen_on
from tollbook_collector.store.embedded.directory import StoreDirectory
from tollbook_collector.store.embedded.sandbox import clean_environment

MODULE: Final = "tollbook_collector.store.embedded"


def main() -> int:
    """Read the command line and own the store; return the exit status."""
    # A crash of the engine says at least which thread it was in.
    faulthandler.enable()
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--path", required=True, type=Path, help="data directory")
    parser.add_argument("--listen", default=LISTEN_DEFAULT, help="HOST:PORT (%(default)s)")
    parser.add_argument("--fd", type=int, help="descriptor of a listening socket of the parent's")
    parser.add_argument("--anew", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    path = arguments.path.resolve()
    environment = clean_environment(os.environ, StoreDirectory(path).temporary)
    if os.environ != environment:
        if arguments.anew:
            print(_says_what_changes(environment), file=sys.stderr)
            return 2
        # What a process was started with stays readable in its memory: only a new start forgets.
        command = [sys.executable, "-P", "-m", MODULE, *sys.argv[1:], "--anew"]
        os.execve(sys.executable, command, environment)
    inherited = arguments.fd is not None
    if inherited:
        listener = socket.socket(fileno=arguments.fd)
    else:
        try:
            listener = listen_on(arguments.listen)
        except (OSError, ValueError) as error:
            print(f"Cannot listen on {arguments.listen}: {error}", file=sys.stderr)
            return 2
    from tollbook_collector.store.embedded.owner import own

    return own(path, listener, lifeline=inherited)


def _says_what_changes(environment: Mapping[str, str]) -> str:
    names = os.environ.keys() | environment.keys()
    changed = sorted(name for name in names if os.environ.get(name) != environment.get(name))
    return (
        f"Each Python that starts here changes {', '.join(changed)}, by a sitecustomize or a .pth"
        " file. The store needs an environment that stays: start it without that file."
    )


if __name__ == "__main__":
    sys.exit(main())
