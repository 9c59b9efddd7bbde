"""The report on a folder of images: counts, skipped files and warnings."""

from dataclasses import dataclass
from pathlib import Path

_CLASSES_COUNTED = 6
_SKIPPED_NAMED = 5


@dataclass(frozen=True)
class FolderReport:
    """class_counts: the images of each class that are used. skipped: the files that are not, and why.

    warnings: sentences. details: the files that the warnings are about, one per line.
    """

    class_counts: dict[str, int]
    skipped: tuple[tuple[Path, str], ...] = ()
    warnings: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    def summary(self) -> str:
        """Summarise the report in a line: `2 classes, 90 files (45 + 45), 3 skipped`."""
        counts = list(self.class_counts.values())
        if len(counts) <= _CLASSES_COUNTED:
            each = " + ".join(f"{count:,}" for count in counts)
        else:
            each = f"{min(counts):,} to {max(counts):,} per class"
        skipped = f", {len(self.skipped):,} skipped" if self.skipped else ""
        return f"{len(counts)} classes, {sum(counts):,} files ({each}){skipped}"

    def skipped_in_words(self) -> str:
        """Say which files are not used and why, the first of them by name; "" when all are."""
        if not self.skipped:
            return ""
        lines = [f"{printable(path)}: {reason}" for path, reason in self.skipped[:_SKIPPED_NAMED]]
        if (more := len(self.skipped) - len(lines)) > 0:
            lines.append(f"... and {more:,} more")
        files = "1 file was" if len(self.skipped) == 1 else f"{len(self.skipped):,} files were"
        return "\n".join([f"{files} skipped:", *lines])

    def as_text(self) -> str:
        """The whole report, for a file."""
        lines = [self.summary(), *self.warnings]
        lines += [f"skipped: {printable(path)}: {reason}" for path, reason in self.skipped]
        return "\n".join([*lines, *self.details]) + "\n"


def printable(path: Path) -> str:
    """The path in one line, with escapes."""
    text = str(path)
    return text if text.isprintable() else ascii(text)
