"""What is known of an incident and of those before it."""
