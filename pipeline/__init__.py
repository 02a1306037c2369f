"""The stages and the little they share.

A stage is `run(inputs, outputs, settings)`; stages meet only through files.
"""
