"""The command `tollbook`: names the missing extra, then hands over to the command line."""

import sys
from importlib import import_module


def main() -> int:
    """Run the command line and return the process exit status; 2: a dependency is missing."""
    if sys.argv[1:2] == ["run"]:
        # The light install meters programs too, so this needs nothing of the collector.
        status: int = import_module("tollbook.zero_code").main(sys.argv[2:])
        return status
    try:
        from tollbook_collector.cli import run
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("tollbook"):
            raise  # our own mistake, not a missing extra
        print(
            f"tollbook: {missing.name} is missing; try: pip install 'tollbook[collector]'",
            file=sys.stderr,
        )
        return 2
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
