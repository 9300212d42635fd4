output "role_arns" {
  description = "Roles by what they are for: app, secrets."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}
