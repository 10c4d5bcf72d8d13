"""The rows of ``refbench list``, one module per kind."""
