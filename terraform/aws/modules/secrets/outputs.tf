output "role_secret_arns" {
  description = "Secrets that RDS Proxy signs in with, by role."
  value       = { for role, secret in aws_secretsmanager_secret.role : role => secret.arn }
}

output "read_by_pods" {
  description = "Secrets that the External Secrets operator copies into the namespace."
  value = {
    databases = aws_secretsmanager_secret.databases.arn
    master    = aws_secretsmanager_secret.master.arn
    vendors   = aws_secretsmanager_secret.vendors.arn
  }
}

output "names" {
  description = "The same by name."
  value = {
    databases = aws_secretsmanager_secret.databases.name
    master    = aws_secretsmanager_secret.master.name
    vendors   = aws_secretsmanager_secret.vendors.name
  }
}
