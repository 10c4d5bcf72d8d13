"""What an author prints: the table, its citations, the numbers as macros, provenance and appendix.

:mod:`.model` decides what stands in the table, :mod:`.table_tex` writes it; :mod:`.citations` knows the
BibTeX entries, of which ``refs.bib`` gets exactly those that the texts cite.
"""
