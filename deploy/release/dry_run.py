"""A dry run of a release: builds twice, compares, and writes SBOM, checksums and provenance."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def git(*arguments: str) -> str:
    """Return what git says."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def built(target: Path, epoch: str) -> dict[str, str]:
    """Build sdist and wheel into a directory and return their digests by name."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(target.iterdir())
    }


def main() -> int:
    """Build, compare and describe; return the exit status."""
    if git("status", "--porcelain"):
        print("commit first: a release is made of a commit")
        return 1
    commit, epoch = git("rev-parse", "HEAD"), git("log", "-1", "--format=%ct")
    target = ROOT / "dist"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as again:
        digests = built(target, epoch)
        if built(Path(again), epoch) != digests:
            print("two builds of one commit differ")
            return 1
    bom = target / "sbom.cdx.json"
    subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "cyclonedx_py",
                "requirements",
                str(ROOT / "requirements.lock"),
            ),
            *("--output-reproducible", "--output-format", "JSON", "--output-file", str(bom)),
        ],
        check=True,
    )
    digests[bom.name] = hashlib.sha256(bom.read_bytes()).hexdigest()
    provenance = {
        "commit": commit,
        "source_date_epoch": int(epoch),
        "builder": {"python": platform.python_version(), "system": platform.system()},
        "subjects": digests,
    }
    (target / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
    (target / "SHA256SUMS").write_text("".join(lines))
    print("".join(lines), end="")
    print(f"two builds of {commit[:10]} are the same, byte for byte; nothing was uploaded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
