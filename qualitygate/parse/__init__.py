"""Parsers: text of one language or format in, its statements, nodes or values with their places out."""
