"""What is wrong in a cluster, condition by condition."""
