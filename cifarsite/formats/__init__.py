"""Date formats of each language; numbers keep Django's formats."""
