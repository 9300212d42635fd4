"""How right the ranking is: recorded incidents run through the code of a live run, and judged after it."""
