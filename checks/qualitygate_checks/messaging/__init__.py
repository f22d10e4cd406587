"""The pack of the messaging checks: every module beside this one."""

from qualitygate.authoring import Pack

PACK = Pack.of(__name__, __path__)
