"""Finished cells as reports read them: from folders on disk to summaries, families of protocols, trials."""
