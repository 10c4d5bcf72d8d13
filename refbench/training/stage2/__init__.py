"""Stage 2: the restoration net on top of the encoder."""
