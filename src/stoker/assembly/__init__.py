"""Joins the parts of a node, floor by floor, for `app.py`: what each floor makes, it hands to the next one as a record.

Whatever has to be closed goes onto the exit stack that is passed in, in the order in which it was opened.
"""
