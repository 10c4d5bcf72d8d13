"""EDVR, as a method of the benchmark; the package itself imports nothing heavy."""
