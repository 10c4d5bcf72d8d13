"""The rows of ``refbench list``, one module a kind."""
