variable "name" {
  description = "Prefix of the roles' names."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the release."
  type        = string
}

variable "app_service_account" {
  description = "ServiceAccount of the product's pods."
  type        = string
}

variable "secrets_service_account" {
  description = "ServiceAccount that the External Secrets operator speaks for."
  type        = string
}

variable "oidc_provider_arn" {
  description = "Who signs the tokens of ServiceAccounts."
  type        = string
}

variable "oidc_issuer" {
  description = "The issuer without https://."
  type        = string
}

variable "exports_bucket_arn" {
  description = "Bucket that exports are written to."
  type        = string
}

variable "secret_arns" {
  description = "Secrets that may be read."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "Key of bucket and secrets."
  type        = string
}
