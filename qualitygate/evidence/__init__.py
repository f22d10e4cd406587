"""In: a file of measurements, of another scanner's results or of attestations. Out: records of what it says."""
