"""A batch: tensors by name with one row per sample, all gathered, sent and split by one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

__all__ = ["Batch"]


class Batch(Mapping[str, Tensor]):
    """Tensors of the same rows by name. A tensor that a fit does not have is absent; its attribute is None.

    Attributes
    ----------
    x : samples in the data's units, (N, ...).
    noisy : real noisy partners of the samples, of the same shape.
    condition : numbers that the networks get beside x, (N, c).
    observed : a mask of the known entries of x, of the shape of x, bool.
    weight : weights of the rows, (N,), with mean 1 over all rows of a fit.

    >>> import torch
    >>> batch = Batch(x=torch.zeros(4, 2), weight=torch.ones(4))
    >>> batch.map(lambda t: t[:3])["x"].shape, batch.condition
    (torch.Size([3, 2]), None)
    """

    def __init__(self, x: Tensor, **others: Tensor | None) -> None:
        self._tensors = {"x": x, **{name: tensor for name, tensor in others.items() if tensor is not None}}

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.x)

    @property
    def x(self) -> Tensor:
        """Samples."""
        return self._tensors["x"]

    @property
    def noisy(self) -> Tensor | None:
        """Noisy partners."""
        return self._tensors.get("noisy")

    @property
    def condition(self) -> Tensor | None:
        """Conditions."""
        return self._tensors.get("condition")

    @property
    def observed(self) -> Tensor | None:
        """A mask of the known entries."""
        return self._tensors.get("observed")

    @property
    def weight(self) -> Tensor | None:
        """Weights of the rows."""
        return self._tensors.get("weight")

    def map(self, f: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch of f applied to every tensor."""
        return Batch(**{name: f(tensor) for name, tensor in self._tensors.items()})

    def having(self, **others: Tensor | None) -> Batch:
        """Return the batch with tensors added or replaced; those that are None change nothing."""
        return Batch(**self._tensors | {name: tensor for name, tensor in others.items() if tensor is not None})

    def split(self, pieces: int) -> list[Batch]:
        """Return the batch split into that number of pieces along its rows."""
        cut = {name: tensor.tensor_split(pieces) for name, tensor in self._tensors.items()}
        return [Batch(**{name: parts[i] for name, parts in cut.items()}) for i in range(pieces)]
