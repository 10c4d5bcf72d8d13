"""Installs as ``refbench.configs.train``."""
