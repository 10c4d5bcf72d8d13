"""CameraFusion (DCSR, ICCV 2021): real x2 pairs of two cameras."""
