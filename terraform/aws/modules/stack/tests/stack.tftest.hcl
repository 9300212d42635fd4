# Plans and applies all modules against a mocked AWS: no account, no network. What AWS would compute is made up, so these
# runs say how the parts are joined, not whether AWS likes them.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_data "aws_secretsmanager_random_password" {
    defaults = { random_password = "a-token-of-forty-eight-characters-as-aws-draws-it" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/made" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:made" }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:made", id = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:made" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::sre-copilot-exports-1", bucket = "sre-copilot-exports-1" }
  }

  mock_resource "aws_eks_cluster" {
    defaults = {
      endpoint              = "https://ABC.gr7.eu-central-1.eks.amazonaws.com"
      certificate_authority = [{ data = "Y2VydGlmaWNhdGU=" }]
      identity              = [{ oidc = [{ issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC" }] }]
    }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC" }
  }

  mock_resource "aws_db_instance" {
    defaults = { address = "db.internal" }
  }

  mock_resource "aws_db_proxy" {
    defaults = { endpoint = "proxy.internal" }
  }

  mock_resource "aws_db_proxy_default_target_group" {
    defaults = { name = "default" }
  }

  mock_resource "aws_elasticache_replication_group" {
    defaults = { primary_endpoint_address = "cache.internal" }
  }

  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-central-1:111122223333:certificate/1"
      domain_validation_options = [
        { domain_name = "copilot.example.org", resource_record_name = "_a.copilot.example.org", resource_record_type = "CNAME", resource_record_value = "a.acm.aws" },
        { domain_name = "copilot-ops.example.org", resource_record_name = "_b.copilot-ops.example.org", resource_record_type = "CNAME", resource_record_value = "b.acm.aws" },
      ]
    }
  }
}

variables {
  region          = "eu-central-1"
  zones           = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  admin_role_arns = ["arn:aws:iam::111122223333:role/platform-admin"]
  zone_id         = "Z0123456789EXAMPLE"
  api_host        = "copilot.example.org"
  ops_host        = "copilot-ops.example.org"
  passwords       = { admin = "a", owner = "b", app = "c", staff = "d", master = "e" }
}

run "production" {
  command = apply

  assert {
    condition     = keys(module.secrets.role_secret_arns) == ["app", "staff"]
    error_message = "the owner migrates past the proxy, so the proxy knows the other two roles alone"
  }

  assert {
    condition     = module.cache.url == "rediss://:a-token-of-forty-eight-characters-as-aws-draws-it@cache.internal:6379/0?ssl_cert_reqs=required"
    error_message = "the broker is reached over TLS, with its token and a checked certificate"
  }

  assert {
    condition     = module.cluster.oidc_issuer == "oidc.eks.eu-central-1.amazonaws.com/id/ABC"
    error_message = "IAM conditions name the issuer without its scheme"
  }

  assert {
    condition     = length(module.network.private_subnet_ids) == 3 && length(module.network.data_subnet_ids) == 3
    error_message = "three zones"
  }

  assert {
    condition     = strcontains(output.ingress_classes, "\"scheme\": \"internet-facing\"") && strcontains(output.ingress_classes, "certificate/1")
    error_message = "vendors come in over TLS, by a load balancer that faces the internet"
  }

  assert {
    condition = output.release.cloud.secret_names == {
      databases = "sre-copilot/databases"
      master    = "sre-copilot/master"
      vendors   = "sre-copilot/vendors"
    }
    error_message = "the release names the secrets that the operator copies"
  }
}

run "a_trial_has_one_nat_gateway_and_no_standby" {
  command = plan

  variables {
    production = false
  }

  assert {
    condition     = module.network.nat_gateways == 1 && !module.database.has_standby
    error_message = "a trial is the cheapest that works"
  }
}

run "production_survives_a_zone" {
  command = plan

  assert {
    condition     = module.network.nat_gateways == 3 && module.database.has_standby
    error_message = "production has a way out in each zone, and a standby"
  }
}

run "the_cluster_is_not_open_to_everybody" {
  command = plan

  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.admin_cidrs]
}

run "the_admin_must_not_share_the_apis_name" {
  command = plan

  variables {
    ops_host = "copilot.example.org"
  }

  expect_failures = [var.ops_host]
}
