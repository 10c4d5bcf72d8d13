"""What makes two runs the same: keys, digests of code and files, random numbers from names."""
