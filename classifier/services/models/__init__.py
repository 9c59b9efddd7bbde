"""Model versions: publishing, activation, serving, verification, and training runs."""
