"""A batch: tensors by name, one row a sample, gathered, sent and cut by one map over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

__all__ = ["Batch"]


class Batch(Mapping[str, Tensor]):
    """Rows of a fit by what they are; what a fit does not have is absent, and reads as None by attribute.

    Attributes
    ----------
    x : samples in the data's units, (N, ...).
    noisy : their real noisy partners, of the same shape.
    condition : the numbers that the networks get beside x, (N, c).
    observed : which entries of x are known, of the shape of x, bool.
    weight : how much each row counts, (N,), of mean 1 over the rows of a fit.

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
        """Which entries are known."""
        return self._tensors.get("observed")

    @property
    def weight(self) -> Tensor | None:
        """How much rows count."""
        return self._tensors.get("weight")

    def map(self, f: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch of f applied to every tensor."""
        return Batch(**{name: f(tensor) for name, tensor in self._tensors.items()})

    def having(self, **others: Tensor | None) -> Batch:
        """Return the batch with other tensors beside, or in place of, those that it has; None changes nothing."""
        return Batch(**self._tensors | {name: tensor for name, tensor in others.items() if tensor is not None})

    def split(self, pieces: int) -> list[Batch]:
        """Return the batch cut into that number of pieces along its rows."""
        cut = {name: tensor.tensor_split(pieces) for name, tensor in self._tensors.items()}
        return [Batch(**{name: parts[i] for name, parts in cut.items()}) for i in range(pieces)]
