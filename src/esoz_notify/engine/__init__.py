"""The room that acts: accepts, claims, sends, records, rescues.

The only reader of the clock; it holds no SQL of its own and no provider's vocabulary.
"""
