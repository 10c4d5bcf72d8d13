"""Maps the top-level folders into one package tree: methods/ installs as refbench.methods, and so on.

The package list is computed, because a folder that is missing from a hand-kept list works in an
editable install and is absent from the wheel.
"""

from setuptools import find_packages, setup

MAPPED = {
    "refbench": "refbench",
    "refbench.methods": "methods",
    "refbench.datasets": "datasets",
    "refbench.reports": "reports",
    "refbench.configs": "configs",
}
packages = []
for package, folder in MAPPED.items():
    packages.append(package)
    packages += [f"{package}.{child}" for child in find_packages(folder)]

setup(
    packages=packages,
    package_dir=MAPPED,
    package_data={
        "": [
            "py.typed",
            "*.yaml",
            "*.json",
            "*.bib",
            "*.csv",
            "*.txt",
            "*.md",
            "*.png",
            "*.safetensors",
            "*.html",
            "*.j2",
            "*.css",
            "*.js",
        ]
    },
)
