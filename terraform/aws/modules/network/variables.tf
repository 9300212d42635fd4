variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "cidr" {
  description = "Range of the VPC; /16 leaves room for pods."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) <= 18, false)
    error_message = "cidr must be an IPv4 range of /18 or larger: pods take an address each."
  }
}

variable "zones" {
  description = "Availability zones to spread over, by name: a zone that AWS adds later must not move subnets."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones) && length(var.zones) >= 2 && length(var.zones) <= 4
    error_message = "zones must name 2, 3 or 4 zones, each once: RDS and EKS need at least two."
  }
}

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones: cheaper, and gone when its zone is."
  type        = bool
  default     = false
}

variable "flow_log_days" {
  description = "Days to keep records of refused connections."
  type        = number
  default     = 365
}

variable "kms_key_arn" {
  description = "Key for the flow logs."
  type        = string
}
