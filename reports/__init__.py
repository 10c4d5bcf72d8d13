"""Installs as ``refbench.reports``."""
