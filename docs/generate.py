"""Write the generated pages of docs/: `python -m docs.generate`, or with `--check` fail where one is out of date."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cifarsite.settings")
    os.environ.setdefault("CIFARSITE_DEVELOPMENT", "1")
    import django

    django.setup()

from docs import commands_page, models_page, screenshots, settings_page

DOCS = Path(__file__).resolve().parent
#: A page, and what makes its text of what it is now.
PAGES: dict[str, Callable[[str], str]] = {
    "commands.md": commands_page.text,
    "models.md": models_page.text,
    "pages.md": screenshots.pages_md,
    "settings.md": settings_page.text,
}


def stale(folder: Path) -> dict[Path, str]:
    """Return the pages in `folder` that are out of date, and what belongs in them."""
    found = {}
    for name, text in PAGES.items():
        path = folder / name
        before = path.read_text("utf-8") if path.exists() else ""
        if (after := text(before)) != before:
            found[path] = after
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Change nothing; fail where a page is out of date.")
    arguments = parser.parse_args()
    pages = stale(DOCS)
    if arguments.check and pages:
        sys.exit(f"Out of date: {', '.join(path.name for path in pages)}. Run: python -m docs.generate")
    for path, text in pages.items():
        path.write_text(text, "utf-8")
        print(f"Written: {path.name}")


if __name__ == "__main__":
    main()
