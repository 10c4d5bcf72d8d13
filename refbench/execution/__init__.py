"""Carrying out a plan: jobs, workers, executors.

job        what a worker must know about a cell, as plain data
worker     one process's loaded method and opened dataset; makes rows
executor   the interface between the runner and serial, pooled or clustered workers
retries    the trials that wait for a worker, and what becomes of one lost with its worker
serial     the executor of one process: decoding, network and scoring overlap in threads
"""
