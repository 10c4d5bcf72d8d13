"""Installs as ``refbench.configs.executor``."""
