"""The words of evidence, and the deterministic mathematics on them; pure, and useful on its own."""
