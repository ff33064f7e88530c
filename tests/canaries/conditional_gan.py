"""A class-conditional GAN: the class comes as y, and samples are of every class in turn unless one is asked for.

Mehdi Mirza and Simon Osindero, "Conditional Generative Adversarial Nets", 2014, https://arxiv.org/abs/1411.1784.
"""

import numpy as np
from sklearn.datasets import load_digits

from isthmus import GAN


class ClassGAN(GAN):
    """A GAN whose two networks are given the class."""

    classes: int = 10

    def numbers_of(self, condition):
        return np.eye(self.classes)[condition]

    def fit(self, X, y=None, *, sample_weight=None, condition=None):
        return super().fit(X, sample_weight=sample_weight, condition=y if condition is None else condition)

    def sample(self, n_samples=1, random_state=None, *, condition=None):
        every = np.arange(n_samples) % self.classes
        return super().sample(n_samples, random_state, condition=every if condition is None else condition)


def make(**arguments):
    return ClassGAN(8, **arguments)


def condition():
    return load_digits().target[:300]
