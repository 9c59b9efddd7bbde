"""Pages: each validates, makes one call into a service, and renders."""
