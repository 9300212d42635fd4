variable "name" {
  description = "Name of the installation: prefix of every resource."
  type        = string
  default     = "sre-copilot"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,28}[a-z0-9]$", var.name))
    error_message = "name must be 4 to 30 small letters, digits and hyphens: IAM and ElastiCache allow no more."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "zones" {
  description = "Two to four availability zones of the region, by name."
  type        = list(string)
}

variable "production" {
  description = "True: standby, replicas, a NAT gateway in each zone, deletion protection. False: the cheapest that works."
  type        = bool
  default     = true
}

variable "vpc_cidr" {
  description = "Range of the VPC; free in your network."
  type        = string
  default     = "10.60.0.0/16"
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string
  default     = "1.34"
}

variable "postgresql_version" {
  description = "Major version of PostgreSQL that RDS and RDS Proxy both offer in the region."
  type        = string
  default     = "17"
}

variable "admin_role_arns" {
  description = "IAM roles that administer the cluster, the one that runs Terraform among them."
  type        = list(string)
}

variable "admin_cidrs" {
  description = "Networks that may reach the cluster's API server from outside; empty: only from inside the VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = !contains(var.admin_cidrs, "0.0.0.0/0")
    error_message = "admin_cidrs must name networks; 0.0.0.0/0 is everybody."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the release."
  type        = string
  default     = "sre-copilot"
}

variable "zone_id" {
  description = "Route 53 zone of the two host names."
  type        = string
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

variable "api_load_balancer" {
  description = "Host name of the api's load balancer, known after the first release (kubectl get ingress)."
  type        = string
  default     = ""
}

variable "ops_load_balancer" {
  description = "Host name of the admin's load balancer, known after the first release."
  type        = string
  default     = ""
}

variable "password_version" {
  description = "Raise it to draw new passwords for database and broker, then release again."
  type        = number
  default     = 1
}

variable "passwords" {
  description = "Passwords of the database's admin, owner, app and staff, and the master secret; see envs/example/passwords.tf."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}
