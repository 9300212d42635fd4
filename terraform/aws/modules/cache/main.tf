# ElastiCache (Valkey): Celery's broker. It holds hints alone, so it needs no snapshots; TLS and a token keep others out.

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-cache-"
  description = "Valkey of ${var.name}"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "Valkey from the cluster"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

# Celery loses messages to a broker that evicts keys.
resource "aws_elasticache_parameter_group" "this" {
  name   = var.name
  family = "valkey8"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

data "aws_secretsmanager_random_password" "token" {
  password_length     = 48
  exclude_punctuation = true
}

# The provider has no write-only argument for this token, so that it is in the state: keep the state encrypted.
# Drawn anew at every plan, kept from the first one until token_version changes.
resource "terraform_data" "token" {
  input            = data.aws_secretsmanager_random_password.token.random_password
  triggers_replace = var.token_version

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_elasticache_replication_group" "this" {
  # checkov:skip=CKV2_AWS_50:on where there are replicas; a trial has none
  replication_group_id = var.name
  description          = "Celery broker of ${var.name}"
  engine               = "valkey"
  engine_version       = "8.0"
  node_type            = var.node_type
  parameter_group_name = aws_elasticache_parameter_group.this.name
  port                 = 6379

  num_cache_clusters         = var.replicas + 1
  automatic_failover_enabled = var.replicas > 0
  multi_az_enabled           = var.replicas > 0

  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  auth_token                 = terraform_data.token.output
  auth_token_update_strategy = "ROTATE"

  subnet_group_name        = aws_elasticache_subnet_group.this.name
  security_group_ids       = [aws_security_group.this.id]
  snapshot_retention_limit = 0
}
