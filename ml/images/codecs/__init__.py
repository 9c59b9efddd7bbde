"""What single formats need: markers of JPEG, chunks of PNG, WebP, BMP, and names for what is not supported."""
