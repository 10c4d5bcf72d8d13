"""Training data: photos, references made from them, and the guard that keeps test photos out."""
