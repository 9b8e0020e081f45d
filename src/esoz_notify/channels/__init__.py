"""The room that speaks provider: one file per provider, each a pure dialogue of values.

No file here opens a socket, reads a clock or imports another provider's file.
"""
