"""Single-image SR checkpoints through spandrel; the package itself imports nothing heavy."""
