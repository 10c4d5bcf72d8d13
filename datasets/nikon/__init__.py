"""Nikon (SelfDZSR, ECCV 2022): real x4 pairs of two focal lengths."""
