"""How fast the site answers uploads, beside four other ways to serve the same model: `make bench`."""
