# The real provider, which writes policies without asking AWS: nothing is sent, as nothing is applied.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "not-a-key"
  secret_key                  = "not-a-key"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
}

variables {
  name                    = "sre-copilot"
  namespace               = "copilot"
  app_service_account     = "sre-copilot"
  secrets_service_account = "sre-copilot-secrets"
  oidc_provider_arn       = "arn:aws:iam::111122223333:oidc-provider/oidc.example.org/id/ABC"
  oidc_issuer             = "oidc.example.org/id/ABC"
  exports_bucket_arn      = "arn:aws:s3:::exports"
  secret_arns             = ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:one"]
  kms_key_arn             = "arn:aws:kms:eu-central-1:111122223333:key/1"
}

run "each_role_is_for_one_service_account" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.this["secrets"].assume_role_policy).Statement[0].Condition.StringEquals == {
      "oidc.example.org/id/ABC:aud" = "sts.amazonaws.com"
      "oidc.example.org/id/ABC:sub" = "system:serviceaccount:copilot:sre-copilot-secrets"
    }
    error_message = "nobody else's token may take the role"
  }
}

run "pods_read_no_secret_and_the_operator_writes_none" {
  command = plan

  assert {
    condition     = toset(flatten([for one in jsondecode(aws_iam_role_policy.this["secrets"].policy).Statement : one.Action])) == toset(["kms:Decrypt", "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"])
    error_message = "the operator reads"
  }

  assert {
    condition     = toset(flatten([for one in jsondecode(aws_iam_role_policy.this["app"].policy).Statement : one.Action])) == toset(["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "kms:GenerateDataKey", "kms:Decrypt"])
    error_message = "the product's pods reach the exports alone"
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this["app"].policy, "\"*\"") && !strcontains(aws_iam_role_policy.this["secrets"].policy, "\"*\"")
    error_message = "nothing is granted on everything"
  }
}
