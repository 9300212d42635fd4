variable "name" {
  description = "Name of the cache."
  type        = string
}

variable "node_type" {
  description = "Size of a node."
  type        = string
}

variable "replicas" {
  description = "Replicas in other zones."
  type        = number
  default     = 1

  validation {
    condition     = var.replicas >= 0 && var.replicas <= 5
    error_message = "replicas must be 0 to 5."
  }
}

variable "token_version" {
  description = "Raise it for a new token."
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

variable "client_security_group_id" {
  description = "Group of the cluster's nodes."
  type        = string
}

variable "kms_key_arn" {
  description = "Key for what the cache keeps."
  type        = string
}
