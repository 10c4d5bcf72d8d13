"""Stereo pairs with ground-truth disparity: a real scene on which matches can be scored."""
