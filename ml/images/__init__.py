"""From the bytes of an image file to upright RGB pixels: formats, decoding in processes of their own, colour, crop."""
