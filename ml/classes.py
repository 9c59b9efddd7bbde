"""What a CIFAR-10 image is: its ten class names, in label order, and its shape."""

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
#: The class of what is none of the others, where a network has learnt one, and the folder of such photographs.
NONE_CLASS = "none"


def without_none(class_names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The classes but for that of none of the others."""
    return tuple(name for name in class_names if name != NONE_CLASS)


#: Height, width, channels.
IMAGE_SHAPE: tuple[int, int, int] = (32, 32, 3)
