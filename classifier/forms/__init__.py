"""Forms: they validate and convert, and neither classify nor save."""
