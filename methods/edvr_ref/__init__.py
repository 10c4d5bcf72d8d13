"""EDVR's alignment with HR references, as a method of the benchmark; imports nothing heavy."""
