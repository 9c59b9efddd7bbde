"""Labels, charts, and what pages say of a model."""
