"""The site's peers, each as short as its author would write it: `python FILE MODEL_FOLDER PORT`.

They run in the virtual environment of `make bench` and import nothing of this project.
"""
