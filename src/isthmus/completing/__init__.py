"""Completing: gaps of a table filled by the best guess, with intervals that cover as often as they say."""

from .imputer import Imputer

__all__ = ["Imputer"]
