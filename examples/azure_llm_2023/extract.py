"""Makes trace.csv.gz from the two published files: `python extract.py THEIR_DIRECTORY`."""

import csv
import gzip
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

FILES: Final = {
    "code": "AzureLLMInferenceTrace_code.csv",
    "conv": "AzureLLMInferenceTrace_conv.csv",
}
COLUMNS: Final = "offset_ms,service,input_tokens,output_tokens"
# Digits of a second that datetime reads; the files have one more.
SECOND_DIGITS: Final = 6


def read(path: Path, service: str) -> list[tuple[datetime, str, int, int]]:
    """Return the calls of one published file."""
    with path.open(newline="") as lines:
        return [
            (
                datetime.fromisoformat(
                    row["TIMESTAMP"][: len("2023-11-16 18:17:03.") + SECOND_DIGITS]
                ),
                service,
                int(row["ContextTokens"]),
                int(row["GeneratedTokens"]),
            )
            for row in csv.DictReader(lines)
        ]


def main(source: Path, target: Path) -> None:
    """Write the calls of both services, in the order of time."""
    calls = [call for service, name in FILES.items() for call in read(source / name, service)]
    # The sort is stable: calls of the same moment stay in the order of their file.
    calls.sort(key=lambda call: call[0])
    first = calls[0][0]
    rows = [
        f"{(at - first) // timedelta(milliseconds=1)},{service},{input_tokens},{output_tokens}"
        for at, service, input_tokens, output_tokens in calls
    ]
    content = "\n".join([COLUMNS, *rows, ""]).encode()
    # Without a time in its header, equal input gives an equal file.
    target.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    print(f"{len(rows):,} calls, {target.stat().st_size:,} bytes in {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("trace.csv.gz"))
