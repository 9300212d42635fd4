"""The test suite, by house floor."""
