"""A teacher's groups: pupils with a nickname and a PIN, their sign-in, their work and its end."""
