"""A mutation fuzzer: sound inputs, broken in every way that a seed draws, through the real pipeline."""
