"""A node beside the floor, and whether it reaches its goals: `python -m bench.goals`.

Read `measure.py` (what is measured, in which order), then `wanted.py` (the goals); longer runs are `bench/soak.py`.
"""
