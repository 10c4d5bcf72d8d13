"""refbench: a benchmark harness for reference-based image super-resolution (RefSR).

The front door for Python, and what the command line itself calls::

    import refbench

    result = refbench.run(method="datsr", suite="cufed5", limit=2)
    print(result.table())
    frame = result.frame()

Importing this package loads neither torch nor numpy: each function imports what it needs when it is called.
The public modules are refbench.api (these functions), types, specs, stages, errors, weights, tiling and
testing; everything else may change between versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refbench.api import ReportResult as ReportResult
    from refbench.api import RunResult as RunResult
    from refbench.api import audit as audit
    from refbench.api import check as check
    from refbench.api import evaluate as evaluate
    from refbench.api import export as export
    from refbench.api import report as report
    from refbench.api import run as run
    from refbench.api import site as site
    from refbench.api import upscale as upscale
    from refbench.api import verify as verify

__version__ = "0.1.0"

__all__ = [
    "ReportResult",
    "RunResult",
    "__version__",
    "audit",
    "check",
    "evaluate",
    "export",
    "report",
    "run",
    "site",
    "upscale",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from refbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'refbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
