"""Stored files: on a local disk, or as objects on S3-compatible storage."""
