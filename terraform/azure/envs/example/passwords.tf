# Passwords are drawn while Terraform runs and handed on as ephemeral values: they are in no plan and no state.
# Without special characters, as they become parts of addresses.

ephemeral "random_password" "this" {
  for_each = toset(["admin", "owner", "app", "staff", "master"])

  length  = 64
  special = false
}

locals {
  passwords = { for name, drawn in ephemeral.random_password.this : name => drawn.result }
}
