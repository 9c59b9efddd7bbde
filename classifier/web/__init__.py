"""Middleware and HTTP helpers that pages and API share."""
