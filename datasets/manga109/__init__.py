"""Manga109 (Matsui et al., 2017): one page of each of 109 books."""
