"""Network parts shared by the hosted methods; each module is one idea and imports torch itself."""
