"""Code for single formats: JPEG markers, PNG chunks, WebP, BMP, and names of unsupported files."""
