"""Dataset adapters; installs as ``refbench.datasets``."""

if __name__ == "datasets":
    # With the repository root on sys.path this folder would hide the Hugging Face package of the same name.
    raise ImportError(
        "this is refbench's own folder, not the package 'datasets': take the repository root off sys.path "
        "(run pytest, not python -m pytest) or import refbench.datasets"
    )
