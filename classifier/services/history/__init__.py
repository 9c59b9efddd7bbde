"""Stored uploads: search, correction, deletion, retention, export, totals."""
