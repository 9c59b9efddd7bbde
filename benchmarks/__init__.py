"""Measurements of training and serving; docs/performance.md and docs/experiments.md report them."""
