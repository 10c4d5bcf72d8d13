"""RealMCVSR-Real (KeDuSR, AAAI 2024): real x2 pairs of two cameras."""
