"""Stage 1: the correspondence encoder, contrastive on known homographies, then distilled across resolutions."""
