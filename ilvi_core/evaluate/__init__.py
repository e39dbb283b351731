"""Measuring results: metrics, ablations, figures, the report."""
