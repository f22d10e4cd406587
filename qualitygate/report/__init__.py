"""In: what a run found. Out: text in one format; one module a format."""
