"""From a network's outputs to a prediction: calibration and abstention."""
