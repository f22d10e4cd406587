"""The pack of the scaling checks: every module beside this one."""

from qualitygate.authoring import Pack

PACK = Pack.of(__name__, __path__)
