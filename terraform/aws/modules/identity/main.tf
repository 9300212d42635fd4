# IAM roles for ServiceAccounts (IRSA): a pod's own token buys it exactly what is written here, and no key is stored anywhere.

locals {
  accounts = {
    app = {
      subject = "system:serviceaccount:${var.namespace}:${var.app_service_account}"
      policy  = data.aws_iam_policy_document.app.json
    }
    secrets = {
      subject = "system:serviceaccount:${var.namespace}:${var.secrets_service_account}"
      policy  = data.aws_iam_policy_document.secrets.json
    }
  }
}

data "aws_iam_policy_document" "app" {
  statement {
    sid       = "Exports"
    actions   = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]
    resources = ["${var.exports_bucket_arn}/*"]
  }

  statement {
    sid       = "ExportsKey"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

data "aws_iam_policy_document" "secrets" {
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = var.secret_arns
  }

  statement {
    sid       = "SecretsKey"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.accounts

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:sub"
      values   = [each.value.subject]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.accounts

  name_prefix        = "${var.name}-${each.key}-"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "this" {
  for_each = local.accounts

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = each.value.policy
}
