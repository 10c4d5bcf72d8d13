"""Urban100 (SelfExSR, CVPR 2015): 100 city photos, no references of their own."""
