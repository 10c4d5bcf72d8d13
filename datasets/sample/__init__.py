"""The bundled sample set: CUFED5 layout, real photographs with free licences, under 5 MB."""
