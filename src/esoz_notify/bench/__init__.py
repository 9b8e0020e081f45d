"""The bench: starts the product and the lab as processes, loads them from outside, and reports what it cost.

What belongs here: starting, loading, measuring, judging that nothing was lost or doubled. What does not: any part of
the product, and how figures are shown (``cli.bench``).
"""
