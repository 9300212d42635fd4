variable "zone_id" {
  description = "Route 53 zone of the host names."
  type        = string
}

variable "api_host" {
  description = "Where vendors reach the api, e.g. copilot.example.org."
  type        = string
}

variable "ops_host" {
  description = "Where people reach the admin, e.g. copilot-ops.example.org."
  type        = string

  validation {
    condition     = var.ops_host != var.api_host
    error_message = "ops_host must differ from api_host: the admin is never served where vendors post."
  }
}

variable "api_load_balancer" {
  description = "Host name of the api's load balancer; empty before the first release."
  type        = string
  default     = ""
}

variable "ops_load_balancer" {
  description = "Host name of the admin's load balancer; empty before the first release."
  type        = string
  default     = ""
}
