variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
}

variable "resource_group" {
  description = "Resource group, by name and location."
  type        = object({ name = string, location = string })
}

variable "vault_name" {
  description = "Name of the vault, unique in all of Azure, at most 24 characters."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]$", var.vault_name))
    error_message = "vault_name must be 3 to 24 letters, digits and hyphens, begin with a letter and end with none of the hyphens."
  }
}

variable "writer_ip_ranges" {
  description = "Networks from which Terraform writes the secrets; empty where it runs inside the virtual network."
  type        = list(string)
  default     = []
}

variable "passwords" {
  description = "Passwords of the database's admin, owner, app and staff, and the master secret; see envs/example/passwords.tf."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

variable "password_version" {
  description = "Raise it to write new passwords."
  type        = number
}

variable "database_address" {
  description = "Host of the database."
  type        = string
}

variable "redis_url" {
  description = "Address of the broker with its key."
  type        = string
  sensitive   = true
}

variable "subnet_id" {
  description = "Subnet of private endpoints."
  type        = string
}

variable "dns_zone_id" {
  description = "Private DNS zone of the vault's name."
  type        = string
}
