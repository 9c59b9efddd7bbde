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

#: The class of what is none of the others, where a network has learnt one, and the folder of such photographs.
NONE_CLASS = "none"

#: Height, width, channels.
IMAGE_SHAPE: tuple[int, int, int] = (32, 32, 3)
