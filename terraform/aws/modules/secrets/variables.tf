variable "name" {
  description = "Prefix of the secrets' names."
  type        = string
}

variable "password_version" {
  description = "Raise it to draw new passwords for the database's roles."
  type        = number
}

variable "database_address" {
  description = "Host of the database."
  type        = string
}

variable "proxy_endpoint" {
  description = "Host of RDS Proxy."
  type        = string
}

variable "redis_url" {
  description = "Address of the broker with its token."
  type        = string
  sensitive   = true
}

variable "kms_key_arn" {
  description = "Key for the secrets."
  type        = string
}

variable "passwords" {
  description = "Passwords of the database's admin, owner, app and staff, and the master secret; see envs/example/passwords.tf."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}
