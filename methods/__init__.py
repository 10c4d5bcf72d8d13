"""Installs as ``refbench.methods``."""
