"""The walls: tenancy, secrets, the outbound door and redaction, each readable in one sitting."""
