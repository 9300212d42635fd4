variable "name" {
  description = "Name of the server."
  type        = string
}

variable "engine_version" {
  description = "PostgreSQL's version: 16 or newer, where pgvector 0.8 comes with the engine."
  type        = string

  validation {
    condition     = try(tonumber(split(".", var.engine_version)[0]) >= 16, false)
    error_message = "engine_version must be 16 or newer."
  }
}

variable "instance_class" {
  description = "Size of the server."
  type        = string
}

variable "storage_gib" {
  description = "Storage to begin with; it grows to four times that by itself."
  type        = number
  default     = 50
}

variable "multi_az" {
  description = "Keep a standby in another zone."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "Days that one can go back to."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be 1 to 35: PostgreSQL is everything, so back-ups are never off."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the server, and take a last snapshot where that was lifted."
  type        = bool
  default     = true
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

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Data subnets."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "Groups that may connect, by what they are."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key for storage, back-ups and insights."
  type        = string
}
