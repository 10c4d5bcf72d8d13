"""LMR test set (MRefSR, ICCV 2023): 142 inputs with two to six references each."""
