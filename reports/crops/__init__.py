"""The figure of crops: HR with a box, then HR, LR, reference and methods at that place.

``refbench report format=crops``; :mod:`.blocks` decides what is shown, :mod:`.draw` draws it as PDF and PNG,
:mod:`.tex` writes it for LaTeX.
"""
