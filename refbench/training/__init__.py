"""Training: one declared recipe and budget for every hosted method.

Stage 1 learns the correspondence encoder from known homographies, stage 2 the restoration net on top
of it. Entry point: :func:`refbench.training.run.train`. Nothing is imported here, so that naming the
package costs nothing.
"""
