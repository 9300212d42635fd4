output "identifier" {
  description = "Name of the server."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "Host of the server; migrations go here, past the proxy."
  value       = aws_db_instance.this.address
}

output "security_group_id" {
  description = "Group of the server."
  value       = aws_security_group.this.id
}

output "has_standby" {
  description = "Whether a standby waits in another zone."
  value       = aws_db_instance.this.multi_az
}
