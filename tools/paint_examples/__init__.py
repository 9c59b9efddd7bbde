"""The example images of the upload page, drawn by the project: `python -m tools.paint_examples` draws them again."""
