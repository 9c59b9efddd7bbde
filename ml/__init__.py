"""The CIFAR-10 network: data, training, artifacts and inference.

Plain Python that knows nothing of Django. Importing any module of this package imports no TensorFlow;
the functions that train or export import Keras when they are called.
"""
