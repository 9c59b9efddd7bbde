"""Classifiers of people's own classes: collect examples, train, measure, compare and use."""
