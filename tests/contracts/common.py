"""What every kind of part promises."""

from __future__ import annotations

import copy
import json
from typing import Any

import torch

from isthmus.facts import Facts
from isthmus.parts import Part, from_json, to_json
from isthmus.source import Generated


def source_of(seed: int = 0) -> Generated:
    """A source of random numbers that repeats itself."""
    return Generated(torch.Generator().manual_seed(seed))


def assert_is_a_part(part: Part, facts: Facts | None = None) -> None:
    """It goes through JSON and comes back equal; what it builds is copied and moves to float64 with all its numbers."""
    arrays: dict[str, Any] = {}
    assert from_json(json.loads(json.dumps(to_json(part, arrays))), arrays) == part
    assert copy.deepcopy(part) == part
    if facts is None:
        return
    built = part.build(facts)
    if not isinstance(built, torch.nn.Module):
        assert built is part
        return
    twin = copy.deepcopy(built).double()
    tensors, others = built.state_dict(), twin.state_dict()
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        assert not tensor.is_floating_point() or others[name].dtype == torch.float64
        assert tensor.data_ptr() != others[name].data_ptr()
        torch.testing.assert_close(tensor.double(), others[name].double())
