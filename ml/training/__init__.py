"""The training loop, its recipes and checkpoints, resuming, and transfer from a trained model."""
