"""A class-conditional GAN that takes the class of each row as y.

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


def make(**arguments):
    return ClassGAN(8, **arguments)


def condition():
    return load_digits().target[:300]
