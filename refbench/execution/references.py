"""Which of its references a method asked for: those that it never touched are not said to have been used.

What is observed is an upper bound: a reference that was read may still change nothing, but one that was
never read cannot have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, SupportsIndex

from torch import Tensor
from torch.overrides import TorchFunctionMode


class WatchedReferences(tuple[Tensor, ...]):
    """The references of one call: a tuple that notes which of them were taken out of it.

    Their number (``len``, truth) can be asked without reading one. What needs the tuple as a whole reads all.
    """

    read: set[int]

    def __new__(cls, references: Sequence[Tensor]) -> WatchedReferences:
        """A tuple of the same tensors."""
        made = super().__new__(cls, references)
        made.read = set()
        return made

    def all_read(self) -> None:
        """Note that the tuple left as a whole."""
        self.read.update(range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        places = range(len(self))[key]
        self.read.update((places,) if isinstance(places, int) else places)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Tensor]:
        for place in range(len(self)):
            self.read.add(place)
            yield super().__getitem__(place)

    def __add__(self, other: Any) -> Any:
        self.all_read()
        return super().__add__(other)

    def __mul__(self, count: SupportsIndex) -> tuple[Tensor, ...]:
        self.all_read()
        return super().__mul__(count)

    __rmul__ = __mul__

    def __contains__(self, key: object) -> bool:
        self.all_read()
        return super().__contains__(key)

    def __reduce__(self) -> tuple[type, tuple[tuple[Tensor, ...]]]:
        return tuple, (tuple(self),)


class Watching(TorchFunctionMode):
    """Sees what no method of a tuple does: ``torch.stack(inp.refs)`` reads the tuple in C."""

    def __init__(self, references: WatchedReferences) -> None:
        """references: those of the call that it is entered around."""
        super().__init__()
        self._references = references
        # asked for by identity: a comparison would be one of tensors
        self._places = {id(tensor): place for place, tensor in enumerate(tuple(references))}
        references.read.clear()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        for arg in (*args, *kwargs.values()) if kwargs else args:
            if arg is self._references:
                self._references.all_read()
            elif id(arg) in self._places:
                self._references.read.add(self._places[id(arg)])
        return func(*args, **(kwargs or {}))
