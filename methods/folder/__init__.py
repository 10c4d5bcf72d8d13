"""Scores SR images that someone else made."""
