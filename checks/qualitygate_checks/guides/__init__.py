"""Guides to the topics of backend architecture, by domain and by stack: the Markdown files beside this module."""

from pathlib import Path

from qualitygate.authoring import Pack

PACK = Pack(__name__, (), Path(__file__).parent)
