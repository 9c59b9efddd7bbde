"""CIFAR-10's class names in label order, and the shape of its images."""

CLASS_NAMES: tuple[str, ...] = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

#: A class may have a name of so many characters.
LONGEST_CLASS_NAME = 100
#: Characters with which spreadsheets start a formula (OWASP, CSV Injection); the last four are wide forms.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: The class of what is none of the others, where a network has learnt one, and the folder of such photographs.
NONE_CLASS = "none"


def without_none(class_names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The classes but for that of none of the others."""
    return tuple(name for name in class_names if name != NONE_CLASS)


def fault_of(class_name: str) -> str | None:
    """Why a class cannot be called so, as the end of "A class ..."; None if it can."""
    if not 1 <= len(class_name) <= LONGEST_CLASS_NAME or not class_name.isprintable():
        return f"has 1 to {LONGEST_CLASS_NAME} printable characters"
    if class_name != class_name.strip() or set(class_name) <= {"."}:
        return "neither begins nor ends with a space, and is more than dots"
    if "/" in class_name or "\\" in class_name:
        return "has no / or \\ in its name: others take them for folders"
    if class_name.startswith(FORMULA):
        return f"does not begin with {class_name[0]}: a spreadsheet takes that for a formula"
    return None


#: Height, width, channels.
IMAGE_SHAPE: tuple[int, int, int] = (32, 32, 3)
