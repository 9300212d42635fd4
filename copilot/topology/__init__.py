"""Who needs whom: the services of a tenant, their arrows with who saw them and when, and what follows from both."""
