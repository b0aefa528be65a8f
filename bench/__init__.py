"""Measurements: ratios inside one run, each against a floor measured in that run."""
