"""In: the bytes of another scanner's report. Out: what it found in the scanned tree, and what it did not look at."""
