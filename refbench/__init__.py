"""refbench: a benchmark harness for reference-based image super-resolution (RefSR, x4)."""

__version__ = "0.1.0"
