"""OpenFX: the effect for hosts with a Python of their own (`effect`), and the sources of the compiled plugin."""
