"""Installs as ``refbench.configs``."""
