"""From a trained network to a complete model folder."""
