"""Sun80 (Sun and Hays, ICCP 2012): 80 inputs with about twenty scene matches each."""
