"""Checking results that somebody else made: consistent in themselves, scored again, computed again.

Nothing is written into the folders, nothing that they name is run, and what they cannot show is said.
"""
