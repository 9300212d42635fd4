output "certificate_arn" {
  description = "The proved certificate of both names."
  value       = aws_acm_certificate_validation.this.certificate_arn
}
