"""Bytes that operators move, and the least that a stage has to move.

Two numbers, both from the shapes of what operators read and write:

* ``operators``: the sum over operators of what each reads and writes, as if nothing stayed in a cache
  between two of them. Views move nothing; gathers read no more than they pick.
* ``least``: what a stage cannot avoid even with an endless cache: tensors from outside that it reads (inputs
  and weights, each once) and what it leaves behind. This is the roofline's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

FACTORIES = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted")
OVERWRITING = ("copy_", "fill_", "zero_")
"""In-place operators that do not read what they overwrite."""
PICKING = ("index_select", "gather", "index", "embedding")
"""Operators that read of their first tensor as much as they return."""


@dataclass
class Scope:
    """What one opening of a stage has read from and made for the outside."""

    read: dict[int, dict[tuple[Any, ...], int]] = field(default_factory=dict)
    written: dict[int, dict[tuple[Any, ...], int]] = field(default_factory=dict)
    size: dict[int, int] = field(default_factory=dict)
    """Bytes of every storage from outside."""
    made: dict[int, tuple[StorageWeakRef, int]] = field(default_factory=dict)

    def least(self) -> int:
        """Outside storages read and written, each part once, and own storages that are still alive."""
        outside = sum(
            min(self.size[key], sum(parts.values()))
            for table in (self.read, self.written)
            for key, parts in table.items()
        )
        return outside + sum(size for made, size in self.made.values() if not _expired(made))


class TrafficMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while active. Scopes may be nested; an operator counts for every open one."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators = 0
        """Bytes so far."""
        self._scopes: list[Scope] = []

    def open(self) -> Scope:
        """A stage begins."""
        self._scopes.append(Scope())
        return self._scopes[-1]

    def close(self) -> int:
        """The innermost stage ends: its least bytes."""
        return self._scopes.pop().least()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        out = func(*args, **named)
        name = func._schema.name.partition("::")[2]
        inputs = list(tensors((args, named)))
        outputs = list(tensors(out))
        written = _written(func, args, named)
        known = {_key(t) for t in inputs}
        fresh = [t for t in outputs if _key(t) not in known]
        for tensor in fresh:
            self._made(tensor)
        if not fresh and not written:
            return out  # a view
        if name in FACTORIES:
            return out
        targets = {id(t) for t in written}
        replaces = name in OVERWRITING or func._schema.overload_name.endswith("out")
        limit = _picked(name, args, fresh)
        for place, tensor in enumerate(inputs):
            if id(tensor) in targets and replaces:
                continue
            size = _bytes(tensor)
            self._read(tensor, min(size, limit) if place == 0 and limit is not None else size)
        for tensor in written:
            self._write(tensor)
        self.operators += sum(_bytes(t) for t in fresh)
        return out

    def _made(self, tensor: Tensor) -> None:
        reference = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
        for scope in self._scopes:
            scope.made[_key(tensor)] = (reference, tensor.untyped_storage().nbytes())

    def _read(self, tensor: Tensor, size: int) -> None:
        self.operators += size
        self._touch("read", tensor, size)

    def _write(self, tensor: Tensor) -> None:
        size = _bytes(tensor)
        self.operators += size
        self._touch("written", tensor, size)

    def _touch(self, kind: str, tensor: Tensor, size: int) -> None:
        key = _key(tensor)
        part = (tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()))
        for scope in self._scopes:
            if key in scope.made:
                continue
            parts = getattr(scope, kind).setdefault(key, {})
            parts[part] = max(size, parts.get(part, 0))
            scope.size[key] = tensor.untyped_storage().nbytes()


def tensors(value: Any) -> Iterator[Tensor]:
    """The strided tensors in nested arguments, in order."""
    return (t for t in tree_leaves(value) if isinstance(t, Tensor) and t.layout == torch.strided)


def _expired(reference: StorageWeakRef) -> bool:
    return bool(reference.expired())  # type: ignore[no-untyped-call]


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _bytes(tensor: Tensor) -> int:
    """Bytes behind a tensor: expanded axes repeat one value."""
    values = prod(n for n, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride != 0)
    # windows that overlap (as_strided) have more values than the storage
    return min(values * tensor.element_size(), tensor.untyped_storage().nbytes())


def _written(func: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> list[Tensor]:
    found = []
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[place] if place < len(args) else named.get(argument.name)
            found += list(tensors(value))
    return found


def _picked(name: str, args: tuple[Any, ...], fresh: list[Tensor]) -> int | None:
    """Most bytes that a gather reads of its first tensor; None for other operators."""
    if name in PICKING:
        return sum(_bytes(t) for t in fresh)
    if name.startswith(("embedding_bag", "_embedding_bag")):
        table, index = args[0], args[1]
        return int(index.numel() * table.shape[1] * table.element_size())
    return None
