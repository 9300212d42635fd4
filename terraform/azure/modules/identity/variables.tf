variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
}

variable "resource_group" {
  description = "Resource group, by name and location."
  type        = object({ name = string, location = string })
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

variable "oidc_issuer_url" {
  description = "Who signs the tokens of ServiceAccounts."
  type        = string
}

variable "exports_container_id" {
  description = "Container that exports are written to."
  type        = string
}

variable "vault_id" {
  description = "Vault that secrets are read from."
  type        = string
}
