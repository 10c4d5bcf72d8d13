"""Installs as ``refbench.configs.suite``."""
