"""ILVI's installer: the standard library alone, Python 3.9 and newer."""
