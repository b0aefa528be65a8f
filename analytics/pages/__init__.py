"""The pages behind the figures: a chart, its table, what it means, as of when, and a file of it.

A module for each page, which reads its address (asked.py) and lays its report out (tables.py).
"""
