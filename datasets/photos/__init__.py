"""The free-licence photos behind the sample set and the bundled compact weights.

``manifest.csv`` holds the whole choice: source, sha256, licence, author and role of every photo. Roles
never overlap: ``sample`` photos are scored, ``reference`` photos are unrelated references in evaluation,
``train`` photos train, ``val`` photos steer training.
"""
