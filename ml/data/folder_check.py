"""Warnings about a folder of images: unequal classes, and copies in two classes or splits."""

from pathlib import Path

import numpy as np

from ml.data.folder_report import FolderReport, printable

#: The ratio of the largest to the smallest class from which to warn.
_MOST_UNEQUAL = 5


def report(
    paths: list[Path],
    labels: np.ndarray,
    class_names: tuple[str, ...],
    *,
    copies: np.ndarray,
    splits: np.ndarray,
    skipped: list[tuple[Path, str]],
    left_out: np.ndarray,
) -> FolderReport:
    """Return warnings for images with these paths, labels (N,) and splits (N,).

    copies: for each image the number of its first copy. left_out: the training images that are not trained on.
    """
    counts = np.bincount(np.delete(labels, left_out), minlength=len(class_names))
    first = np.flatnonzero(np.bincount(copies, minlength=len(paths)) > 1)
    members = {int(group): np.flatnonzero(copies == group) for group in first}
    warnings = _unequal(counts, class_names)
    details: list[str] = []

    def warn(found: list[int], one: str, many: str, kind: str) -> None:
        if found:
            warnings.append(f"{len(found):,} {one if len(found) == 1 else many}")
            details.extend(f"{kind}: {' = '.join(printable(paths[n]) for n in members[group])}" for group in found)

    copied = list(members)
    crossing = [group for group in copied if len(set(labels[members[group]].tolist())) > 1]
    torn = [group for group in copied if len(set(splits[members[group]].tolist())) > 1]
    rest = [group for group in copied if group not in crossing and group not in torn]
    warn(crossing, "image is in two classes.", "images are in two classes.", "in two classes")
    warn(torn, "image is in two splits.", "images are in two splits.", "in two splits")
    warn(rest, "image has copies.", "images have copies.", "copies")
    if len(left_out):
        warnings.append(f"{len(left_out):,} training image(s) are left out: they are copies of held-out images.")
    return FolderReport(dict(zip(class_names, counts.tolist())), tuple(skipped), tuple(warnings), tuple(details))


def _unequal(counts: np.ndarray, class_names: tuple[str, ...]) -> list[str]:
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[most] <= _MOST_UNEQUAL * counts[least]:
        return []
    return [
        f"The classes are unequal: {class_names[most]} has {counts[most]:,} images, {class_names[least]} has "
        f"{counts[least]:,}. The model will prefer the larger ones; add images to the smaller ones."
    ]
