output "endpoint" {
  description = "Host that pods connect to."
  value       = aws_db_proxy.this.endpoint
}

output "security_group_id" {
  description = "Group of the proxy."
  value       = aws_security_group.this.id
}
