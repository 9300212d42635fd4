# Secrets Manager, written by write-only arguments: no plan and no state holds a value. A version number says when to write again;
# all that belongs together is written in the same run.

locals {
  # RDS Proxy signs in for those that pods use; the owner migrates, past the proxy.
  behind_proxy = toset(["app", "staff"])
}

# --- one secret a role, in the form that RDS Proxy reads

resource "aws_secretsmanager_secret" "role" {
  # checkov:skip=CKV2_AWS_57:rotated by raising password_version, as the database role must change with it
  for_each = local.behind_proxy

  name        = "${var.name}/database/${each.key}"
  description = "Database role copilot_${each.key}"
  kms_key_id  = var.kms_key_arn
}

resource "aws_secretsmanager_secret_version" "role" {
  for_each = local.behind_proxy

  secret_id = aws_secretsmanager_secret.role[each.key].id
  secret_string_wo = jsonencode({
    username = "copilot_${each.key}"
    password = var.passwords[each.key]
  })
  secret_string_wo_version = var.password_version
}

# --- what the product's pods read

resource "aws_secretsmanager_secret" "databases" {
  # checkov:skip=CKV2_AWS_57:rotated by raising password_version, as the database roles must change with it
  name        = "${var.name}/databases"
  description = "Addresses with passwords, by database role, and of the broker"
  kms_key_id  = var.kms_key_arn
}

resource "aws_secretsmanager_secret_version" "databases" {
  secret_id = aws_secretsmanager_secret.databases.id
  secret_string_wo = jsonencode({
    admin-database-url = "postgresql://copilot_admin:${var.passwords["admin"]}@${var.database_address}:5432/postgres?sslmode=require"
    owner-database-url = "postgresql://copilot_owner:${var.passwords["owner"]}@${var.database_address}:5432/copilot?sslmode=require"
    database-url       = "postgresql://copilot_app:${var.passwords["app"]}@${var.proxy_endpoint}:5432/copilot?sslmode=require"
    staff-database-url = "postgresql://copilot_staff:${var.passwords["staff"]}@${var.proxy_endpoint}:5432/copilot?sslmode=require"
    redis-url          = var.redis_url
  })
  secret_string_wo_version = var.password_version
}

# What sealed the tenants' credentials must outlive everything: it is drawn once, and rotated by `copilot secrets rotate`.
resource "aws_secretsmanager_secret" "master" {
  # checkov:skip=CKV2_AWS_57:a rotation needs the old key beside the new one; see docs/operate.md
  name                    = "${var.name}/master"
  description             = "COPILOT_SECRET_KEYS: without it the sealed credentials in the database cannot be opened"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "master" {
  secret_id                = aws_secretsmanager_secret.master.id
  secret_string_wo         = jsonencode({ secret-keys = var.passwords["master"] })
  secret_string_wo_version = 1

  lifecycle {
    # People rotate it; a plan must never put another one in its place.
    ignore_changes = [secret_string_wo_version]
  }
}

# Filled by people: the keys of Claude and of the Slack app. Empty ones mean rules alone, and one Slack app for each tenant.
resource "aws_secretsmanager_secret" "vendors" {
  # checkov:skip=CKV2_AWS_57:vendors' keys are rotated at the vendor
  name        = "${var.name}/vendors"
  description = "Keys that the installation shares: anthropic-api-key, slack-signing-secret, slack-client-secret"
  kms_key_id  = var.kms_key_arn
}

resource "aws_secretsmanager_secret_version" "vendors" {
  secret_id                = aws_secretsmanager_secret.vendors.id
  secret_string_wo         = jsonencode({ anthropic-api-key = "", slack-signing-secret = "", slack-client-secret = "" })
  secret_string_wo_version = 1
}
