"""Heads of people's own classes on frozen features: fit, measure, compare and serve them. No TensorFlow."""
