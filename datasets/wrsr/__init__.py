"""WR-SR (C2-Matching, CVPR 2021): 80 web photos with one reference each."""
