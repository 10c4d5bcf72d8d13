"""Methods in an interpreter of their own: a small pipe protocol, the child that speaks it, its manager.

child    the worker and the message format; one file that needs numpy only and runs in any Python >= 3.8
process  starts, times out, kills and restarts a child
labels   what tables call a method that is somebody's program
"""
