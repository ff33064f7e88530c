"""A class-conditional GAN that takes the class from y.

Mehdi Mirza and Simon Osindero, "Conditional Generative Adversarial Nets", 2014, https://arxiv.org/abs/1411.1784.
"""
