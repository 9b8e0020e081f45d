"""The alarms of the service, and the fire drill that shows that each of them rings.

What belongs here: alarms and dashboard as tables, faults, the drill, which drives the product from outside as the bench
does. What does not: the numbers that alarms look at (``engine.metric_table``).
"""
