"""A model folder loaded for predictions: LiteRT, explanations, bulk, similar training images."""
