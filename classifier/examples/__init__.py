"""The example pictures of the upload page, painted here: `python -m classifier.examples` paints them anew."""
