variable "name" {
  description = "Prefix of the bucket's name."
  type        = string
}

variable "keep_days" {
  description = "Days that an export is kept."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_days >= 1
    error_message = "keep_days must be 1 or more."
  }
}

variable "kms_key_arn" {
  description = "Key for the exports."
  type        = string
}
