"""CUFED5 (SRNTT, CVPR 2019): 126 inputs with five references each, most similar first."""
