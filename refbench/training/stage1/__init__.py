"""Stage 1: the correspondence encoder, contrastive, then distilled across resolutions."""
