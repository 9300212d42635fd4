variable "name" {
  description = "Name of the proxy."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Data subnets."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Group of the cluster's nodes."
  type        = string
}

variable "database_security_group_id" {
  description = "Group of the database."
  type        = string
}

variable "database_identifier" {
  description = "Name of the database server."
  type        = string
}

variable "role_secret_arns" {
  description = "Secrets with user name and password, by database role."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key that the secrets are sealed with."
  type        = string
}
