"""Runs every backend on a test set, each in its own process, compares with one reference, judges and reports.

Not named `verify`, because `interchange.verify` is the function.
"""
