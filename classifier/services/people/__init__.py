"""Owners, tokens, invitations, passwords, lock-out and rate limits."""
