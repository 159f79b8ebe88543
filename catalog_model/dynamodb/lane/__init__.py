"""The fast lane: requests for items, without botocore's path as long as every answer is right.

docs/decisions/0016-lane.md lists what it leaves to botocore, and why.
"""
