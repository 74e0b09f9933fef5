"""How sure a difference is: intervals, tests, agreement and rankings that respect that questions share documents.

Everything here takes and returns numbers; nothing knows what a judge or an answer is. The unit that is resampled,
sign-flipped or summed is always the cluster (the source document), never the single question.
"""
