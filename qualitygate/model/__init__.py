"""The nouns: frozen records that the stages hand to one another. Nothing here reads, decides or prints."""
