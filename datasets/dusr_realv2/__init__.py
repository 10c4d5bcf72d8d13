"""DuSR-RealV2 (DuSRFlow, 2026): real x2 pairs of two cameras."""
