variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
  default     = "sre-copilot"
}

variable "subscription_id" {
  description = "Azure subscription."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "production" {
  description = "True: standby and replica in other zones."
  type        = bool
  default     = true
}

variable "vnet_cidr" {
  description = "Range of the virtual network; free in your network."
  type        = string
  default     = "10.60.0.0/16"
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string
  default     = "1.34"
}

variable "postgresql_version" {
  description = "Major version of PostgreSQL that the region offers."
  type        = string
  default     = "17"
}

variable "admin_group_ids" {
  description = "Entra groups that administer the cluster."
  type        = list(string)
}

variable "admin_cidrs" {
  description = "Networks from which the cluster is administered and secrets are written; empty: from inside alone."
  type        = list(string)
  default     = []

  validation {
    condition     = !contains(var.admin_cidrs, "0.0.0.0/0")
    error_message = "admin_cidrs must name networks; 0.0.0.0/0 is everybody."
  }
}

variable "dns_zone_id" {
  description = "Azure DNS zone of the two host names."
  type        = string
}

variable "vault_name" {
  description = "Name of the key vault, unique in all of Azure, at most 24 characters."
  type        = string
}

variable "account_name" {
  description = "Name of the storage account, unique in all of Azure, small letters and digits."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the release."
  type        = string
  default     = "sre-copilot"
}

variable "api_host" {
  description = "Where vendors reach the api."
  type        = string
}

variable "ops_host" {
  description = "Where people reach the admin, from inside your network."
  type        = string

  validation {
    condition     = var.ops_host != var.api_host
    error_message = "ops_host must differ from api_host: the admin is never served where vendors post."
  }
}

variable "password_version" {
  description = "Raise it to draw new passwords for the database, then release again."
  type        = number
  default     = 1
}
