"""The speed of uploads to the site, compared with other ways to serve the same model: `make bench`."""
