"""WR-SR with given LR images (ReFIR, NeurIPS 2024): the Real-ESRGAN degradation."""
