"""In: an open file of a tool that measures. Out: canonical measurements; one module a tool."""
