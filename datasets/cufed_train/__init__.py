"""CUFED training set (SRNTT, CVPR 2019): 11,871 pairs of 160x160 patches."""
