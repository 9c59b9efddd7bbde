"""From a network's outputs to an answer: calibration and abstention."""
