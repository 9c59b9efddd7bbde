"""MkDocs: files of the repository that lie outside docs/ and are linked from it become pages below repository/."""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
#: Pages of the site from outside docs/; what they and the pages in docs/ link to is added.
PAGES = ["README.md", "README.uk.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md"]

_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]*`)", re.DOTALL | re.MULTILINE)


def on_files(files, config):
    sources = [*PAGES, *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
    linked = {target for source in sources for target in _linked((ROOT / source).read_text("utf-8"), source)}
    for path in sorted({*PAGES, *(target for target in linked if not target.startswith("docs/"))}):
        if (ROOT / path).is_file():
            files.append(File.generated(config, f"repository/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Make links relative to where the pages lie in the site."""
    source = page.file.src_uri
    source = source.removeprefix("repository/") if source.startswith("repository/") else f"docs/{source}"

    def moved(match: re.Match[str]) -> str:
        target = _target(match[2], source)
        if target is None:
            return match[0]
        place = target.removeprefix("docs/") if target.startswith("docs/") else f"repository/{target}"
        return match[1] + posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".") + match[3]

    parts = _CODE.split(markdown)
    return "".join(part if index % 2 else _LINK.sub(moved, part) for index, part in enumerate(parts))


def _linked(text: str, source: str) -> set[str]:
    found = (_target(match[2], source) for match in _LINK.finditer("".join(_CODE.split(text)[::2])))
    return {target for target in found if target}


def _target(link: str, source: str) -> str | None:
    """The path in the repository that a link of a file leads to; None for another host's."""
    if "://" in link or link.startswith("mailto:"):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
