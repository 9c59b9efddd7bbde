"""Curves, matrices and the diagram of a network, as files."""
