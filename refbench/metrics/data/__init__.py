"""Data files of metrics: model parameters that are small enough to be carried along; see NOTICE.txt."""
