"""The lab: it plays the world outside, the providers and the phones they reach, from the providers' own documents.

Nothing here may know how our side speaks to a provider; of ours only ``core`` may be imported.
"""
