"""The effect for hosts over the worker's protocol; empty until the worker exists (issue F)."""
