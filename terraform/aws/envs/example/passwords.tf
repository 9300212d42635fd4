# Passwords are drawn by AWS while Terraform runs and handed on as ephemeral values: they are in no plan and no state.
# They stand here and not in a module, because Terraform (1.11) can neither mock ephemeral resources nor validate a module that
# puts one out. Without punctuation, as they become parts of addresses.

locals {
  passwords = {
    admin  = ephemeral.aws_secretsmanager_random_password.admin.random_password
    owner  = ephemeral.aws_secretsmanager_random_password.owner.random_password
    app    = ephemeral.aws_secretsmanager_random_password.app.random_password
    staff  = ephemeral.aws_secretsmanager_random_password.staff.random_password
    master = ephemeral.aws_secretsmanager_random_password.master.random_password
  }
}

ephemeral "aws_secretsmanager_random_password" "admin" {
  password_length     = 64
  exclude_punctuation = true
}

ephemeral "aws_secretsmanager_random_password" "owner" {
  password_length     = 64
  exclude_punctuation = true
}

ephemeral "aws_secretsmanager_random_password" "app" {
  password_length     = 64
  exclude_punctuation = true
}

ephemeral "aws_secretsmanager_random_password" "staff" {
  password_length     = 64
  exclude_punctuation = true
}

ephemeral "aws_secretsmanager_random_password" "master" {
  password_length     = 64
  exclude_punctuation = true
}
