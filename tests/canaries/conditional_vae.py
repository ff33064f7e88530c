"""A class-conditional variational autoencoder: encoder, decoder and prior are given the class of each row.

Kihyuk Sohn, Honglak Lee and Xinchen Yan, "Learning Structured Output Representation using Deep Conditional Generative
Models", 2015, https://papers.nips.cc/paper/5775.
"""

import numpy as np
from sklearn.datasets import load_digits

from isthmus import VAE
from isthmus.prior import ConditionalGaussian


def make(**arguments):
    return VAE(4, prior=ConditionalGaussian(), **arguments)


def condition():
    return np.eye(10)[load_digits().target[:300]]
