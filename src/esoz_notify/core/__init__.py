"""The room that decides: pure values and functions, standard library only.

Nothing here does I/O, reads a clock, draws randomness or logs; time and ids come in as arguments.
"""
