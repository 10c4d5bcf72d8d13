"""Skeletons of new plugins: ``refbench new method NAME``."""
