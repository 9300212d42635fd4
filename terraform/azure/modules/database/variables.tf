variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
}

variable "resource_group" {
  description = "Resource group, by name and location."
  type        = object({ name = string, location = string })
}

variable "engine_version" {
  description = "PostgreSQL's major version."
  type        = string
}

variable "sku_name" {
  description = "Size of the server; PgBouncer needs General Purpose or more."
  type        = string
}

variable "storage_gib" {
  description = "Storage to begin with."
  type        = number
  default     = 64
}

variable "standby" {
  description = "Keep a standby in another zone."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "Days that one can go back to."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "backup_days must be 7 to 35."
  }
}

variable "admin_password" {
  description = "Password of copilot_admin, who makes the product's three roles."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "password_version" {
  description = "Raise it to write a new admin password."
  type        = number
}

variable "subnet_id" {
  description = "Subnet that PostgreSQL has to itself."
  type        = string
}

variable "dns_zone_id" {
  description = "Private DNS zone of the server's name."
  type        = string
}
