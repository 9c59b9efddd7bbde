"""Labels, charts and descriptions of models."""
