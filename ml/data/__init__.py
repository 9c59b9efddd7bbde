"""Labelled images: CIFAR-10, folders of one's own, splits, duplicates, augmentation."""
