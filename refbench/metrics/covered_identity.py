"""How the regions ``covered`` and ``uncovered`` are found: part of the signature of every metric on them."""

from __future__ import annotations

ENCODER = "contrastive-1"
ENCODER_SHA256 = "00c8ec3df733f5b9365ae10b0f599ca290535c7ec2120a31b778512241976fbd"
"""Of ``data/encoder.safetensors``; a test compares."""
PATCH = 3
"""Patches of 3 x 3 features, a quarter of the image's resolution each: 12 x 12 pixels."""
SIMILARITY = 0.7
"""Least cosine similarity of a match: an unrelated photo then seems to show 5 % of the sample's pixels
(``tools/covered_regions.py``)."""
RETURN = 8
"""Greatest distance in pixels between a place and where the match of its match leads."""
IDENTITY = f"enc={ENCODER}:{ENCODER_SHA256[:8]},patch={PATCH},sim={SIMILARITY},fb={RETURN},v1"
COMPUTED = frozenset({"covered", "uncovered"})
"""Regions that are computed from the images."""
