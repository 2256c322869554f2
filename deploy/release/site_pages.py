"""A hook of mkdocs: pages of the repository's root join the site, and every link leads somewhere.

ARCHITECTURE, SECURITY and CHANGELOG stand at the root, where people who read code look for them.
Links of pages to other files of the repository lead to it.
"""

import posixpath
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
JOINING: Final = {
    "ARCHITECTURE.md": "architecture.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
REPOSITORY: Final = "https://github.com/tollbook/tollbook/blob/main"
LINK: Final = re.compile(r"(\]\()(?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the root."""
    from mkdocs.structure.files import File

    for source, page in JOINING.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with links that hold on the site."""
    path: str = page.file.src_uri
    source = next((root for root, joined in JOINING.items() if joined == path), f"docs/{path}")
    return linked(markdown, source, posixpath.dirname(path))


def linked(markdown: str, source: str, directory: str) -> str:
    """Return Markdown whose links hold in a directory of the site.

    Args:
        markdown: As it stands in the repository.
        source: The file that it stands in, from the root.
        directory: Where it is on the site, from the site's root; empty: there.
    """

    def changed(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        if target in JOINING:
            target = posixpath.relpath(JOINING[target], directory or ".")
        elif target.startswith("docs/") and target.endswith(".md"):
            target = posixpath.relpath(target.removeprefix("docs/"), directory or ".")
        else:
            target = f"{REPOSITORY}/{target}"
        return f"{match[1]}{target}{match[3] or ''})"

    return LINK.sub(changed, markdown)
